/**
 * A promise that its maker settles later.
 * Invariant: its rejection is never an unhandled one; whoever does not wait for it hears of the error through
 * a handler.
 */
export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  resolve(value: Value | Promise<Value>): void;
  reject(error: Error): void;
}

export function createDeferred<Value>(): Deferred<Value> {
  let resolve: Deferred<Value>['resolve'] = () => undefined;
  let reject: Deferred<Value>['reject'] = () => undefined;
  const promise = new Promise<Value>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

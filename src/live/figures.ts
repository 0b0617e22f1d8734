/**
 * A subscription of `system`: the engine's figures, now and then every second.
 * Invariant: only who may see the whole engine gets here (access.ts).
 * Bound: one native topic for each codec, whatever the tenants.
 */
import { maySubscribe } from './access.ts';
import { figuresTopic, stateFrame, systemTopic } from './states.ts';
import type { Listener, Plane, Subscription } from './subscription.ts';

export function openFigures(plane: Plane, listener: Listener, request: number): Subscription {
  const { states, epoch } = plane;
  const { socket, codec } = listener;
  const inner = figuresTopic(codec);
  const self = Symbol(systemTopic);
  states.figuresListeners.add(self);
  socket.join(inner);
  listener.succeed(request, {
    epoch,
    offset: 0,
    wasRecovering: false,
    recovered: false,
    snapshot: [],
  });
  socket.send(stateFrame(systemTopic, 'figures', states.figures(), codec));
  return {
    drained: () => undefined,
    lost: () => undefined,
    refreshed: () => maySubscribe(listener.identity(), { kind: 'system' }),
    end() {
      states.figuresListeners.delete(self);
      socket.leave(inner);
    },
  };
}

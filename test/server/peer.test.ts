import { describe, expect, it } from 'vitest';
import { closeCodes, refusals } from '../../src/errors.ts';
import type { Identity } from '../../src/identity.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { Verdict } from '../../src/server/auth.ts';
import { createPeer, refusalOfIdentity, type RawSocket } from '../../src/server/peer.ts';
import { identityOf } from '../support/identities.ts';

function peerOf(verdict: Verdict = { refused: 'tokenMissing' }) {
  const revoked = new Set<string>();
  const gone: string[] = [];
  const ended: unknown[] = [];
  const metrics = createMetrics();
  let isVerified: () => void = () => undefined;
  const verified = new Promise<void>((resolve) => {
    isVerified = resolve;
  });
  const socket: RawSocket = {
    send: () => undefined,
    join: () => undefined,
    leave: () => undefined,
    bufferedBytes: () => 0,
    end(code, reason) {
      ended.push([code, reason]);
      // As uWebSockets.js does.
      endings.push(peer.gone(code, reason));
    },
  };
  const identity = identityOf({ tokenId: 'first' });
  const peer = createPeer(
    { socket, codec: 'json', identity },
    {
      plane: 'live',
      metrics,
      verify: () => {
        queueMicrotask(() => queueMicrotask(isVerified));
        return Promise.resolve(verdict);
      },
      isRevoked: ({ tokenId }: Identity) => revoked.has(tokenId ?? ''),
      attach: () => ({
        receive: () => undefined,
        drained: () => undefined,
        dropped: () => undefined,
        refreshed: () => undefined,
        gone: (reason) => void gone.push(reason),
      }),
    },
  );
  const endings: unknown[] = [];
  return { peer, revoked, gone, ended, endings, metrics, verified };
}

describe('the end of a connection', () => {
  it.each([
    [1000, 'bye', 'closed by the client (1000)'],
    [1005, '', 'closed by the client (1005)'],
    [4001, '', 'closed by the client (4001)'],
    [1006, '', 'connection lost'],
    [1006, 'Received TCP FIN before WebSocket close frame', 'connection lost'],
    [1006, 'WebSocket timed out from inactivity', 'idle'],
    [1006, 'Received too big message, or other inflation error', 'message too large'],
  ])('with %d %j by the other side is "%s"', (code, reason, summary) => {
    const { peer, gone } = peerOf();
    expect(peer.gone(code, reason)).toEqual({ code, reason, summary });
    expect(gone).toEqual([summary]);
    expect(peer.isOpen).toBe(false);
  });

  it('by the engine is the name of its close, whatever the socket says', () => {
    const { peer, gone, ended, endings } = peerOf();
    peer.close('slow', 'it does not read');
    peer.close('shutdown', '10');
    expect(ended).toEqual([[closeCodes.slow, 'it does not read']]);
    expect(endings).toEqual([
      { code: closeCodes.slow, reason: 'it does not read', summary: 'slow' },
    ]);
    expect(gone).toEqual(['slow']);
  });
});

describe('the traffic of a connection', () => {
  it('is what it received and what was sent to it by itself while it was open', () => {
    const { peer } = peerOf();
    peer.receive(new Uint8Array(5), true);
    peer.receive(new Uint8Array(2), false);
    peer.send('["ü"]');
    peer.send(new Uint8Array(3));
    peer.close('slow', '');
    peer.send('[1]');
    expect(peer.traffic).toEqual({
      framesReceived: 2,
      bytesReceived: 7,
      framesSent: 2,
      bytesSent: 9,
    });
  });
});

describe('a revoked token', () => {
  it('opens no connection, whatever its role', () => {
    const isRevoked = ({ tokenId }: Identity): boolean => tokenId === 'stolen';
    const revoked = identityOf({ tokenId: 'stolen' });
    expect(refusalOfIdentity(revoked, 'live', isRevoked)).toBe('tokenRevoked');
    expect(refusalOfIdentity(revoked, 'ingest', isRevoked)).toBe('tokenRevoked');
    expect(refusalOfIdentity(identityOf(), 'live', isRevoked)).toBeNull();
    expect(refusalOfIdentity(identityOf(), 'ingest', isRevoked)).toBe('roleNotAllowed');
  });

  it('replaces no other on a live connection', async () => {
    const stolen = peerOf({ identity: identityOf({ tokenId: 'stolen' }) });
    // Revoked while it is verified.
    stolen.peer.refresh('a token');
    stolen.revoked.add('stolen');
    await stolen.verified;
    expect(stolen.ended).toEqual([[closeCodes.invalidToken, refusals.tokenRevoked.message]]);
    expect(stolen.metrics.refused.tokenRevoked).toBe(1);
  });

  it('ends nothing once another has replaced it', async () => {
    const { peer, verified } = peerOf({ identity: identityOf({ tokenId: 'second' }) });
    peer.refresh('a token');
    await verified;
    expect(peer.isOpen).toBe(true);
    expect(peer.identity.tokenId).toBe('second');
  });
});

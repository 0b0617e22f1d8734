import { describe, expect, it } from 'vitest';
import { createAdmission, type Admission } from '../../src/server/admission.ts';
import type { Offer } from '../../src/server/offer.ts';
import { identityOf } from '../support/identities.ts';

const offer: Offer = {
  token: 'x',
  codec: 'messagepack',
  subprotocol: 'fleetwire.v1',
  origin: '',
  host: 'fleet.example',
};

const admissionOf = (over: Partial<Record<string, number>> = {}): Admission =>
  createAdmission({
    origins: [],
    bounds: { connectionsMax: 10, addressConnectionsMax: 10, userConnectionsMax: 10, ...over },
  });

describe('an upgrade', () => {
  it('is refused when the engine is full, and taken when a socket has closed', () => {
    const admission = admissionOf({ connectionsMax: 2 });
    admission.opened('1.1.1.1');
    expect(admission.refusalOfUpgrade(offer, '1.1.1.1')).toBeNull();
    admission.opened('2.2.2.2');
    expect(admission.refusalOfUpgrade(offer, '3.3.3.3')).toBe('tooManyConnections');
    admission.closed('1.1.1.1');
    expect(admission.refusalOfUpgrade(offer, '3.3.3.3')).toBeNull();
  });

  it('is refused where its address has as many as it may, and others are not', () => {
    const admission = admissionOf({ addressConnectionsMax: 2 });
    admission.opened('1.1.1.1');
    admission.opened('1.1.1.1');
    expect(admission.refusalOfUpgrade(offer, '1.1.1.1')).toBe('tooManyOfAddress');
    expect(admission.refusalOfUpgrade(offer, '2.2.2.2')).toBeNull();
    admission.closed('1.1.1.1');
    expect(admission.refusalOfUpgrade(offer, '1.1.1.1')).toBeNull();
  });

  it('is refused to a page of another origin, an unknown subprotocol, and while the engine stops', () => {
    const admission = admissionOf();
    const foreign = { ...offer, origin: 'https://evil.example' };
    expect(admission.refusalOfUpgrade(foreign, '')).toBe('originNotAllowed');
    expect(admission.refusalOfUpgrade({ ...offer, codec: null }, '')).toBe('subprotocolUnknown');
    expect(admission.isAccepting).toBe(true);
    admission.stop();
    expect(admission.isAccepting).toBe(false);
    expect(admission.refusalOfUpgrade(offer, '')).toBe('draining');
  });
});

describe('a user', () => {
  it('has so many connections to the subscriber plane, in each tenant', () => {
    const admission = admissionOf({ userConnectionsMax: 1 });
    const anna = identityOf();
    const other = identityOf({ tenant: 'globex' });
    admission.greeted('live', anna);
    expect(admission.refusalOfUser('live', anna)).toBe('tooManyOfUser');
    expect(admission.refusalOfUser('live', other)).toBeNull();
    expect(admission.refusalOfUser('ingest', anna)).toBeNull();
    admission.left('live', anna);
    expect(admission.refusalOfUser('live', anna)).toBeNull();
  });

  it('is not counted on the device plane', () => {
    const admission = admissionOf({ userConnectionsMax: 1 });
    admission.greeted('ingest', identityOf());
    expect(admission.refusalOfUser('live', identityOf())).toBeNull();
    admission.left('ingest', identityOf());
  });
});

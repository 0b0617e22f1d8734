/** docs/asyncapi.yaml says the same as docs/protocol.md and the code: messages, planes, bounds, schemas. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { settings } from '../../src/config.ts';
import { vehicleEventKinds } from '../../src/fleet/output.ts';
import { limits } from '../../src/limits.ts';
import { planePaths } from '../../src/server/routes.ts';
import {
  encodeDeviceFrame,
  encodeDeviceReply,
  encodeSubscriberFrame,
  encodeSubscriberReply,
} from '../../src/wire/encode.ts';
import { parseMessagePack } from '../../src/wire/messagepack.ts';
import { livePosition } from '../../src/wire/positions.ts';
import {
  frameTypes,
  type DeviceFrame,
  type DeviceReply,
  type Fix,
  type SubscriberReply,
} from '../../src/wire/types.ts';
import {
  deviceFrame,
  deviceReply,
  subscriberFrame,
  subscriberReply,
  validFix,
} from '../wire/frames.ts';

interface Reference {
  readonly $ref: string;
}
/** The schema of a frame. */
interface Frame {
  readonly prefixItems: readonly Readonly<Record<string, unknown>>[];
  readonly minItems: number;
}
interface Channel {
  readonly address: string;
  readonly messages: Readonly<Record<string, Reference>>;
}
interface Operation {
  readonly channel: Reference;
  readonly messages: readonly Reference[];
}
/** What the tests look at of an AsyncAPI document. */
interface AsyncApi {
  readonly asyncapi: string;
  readonly servers: { readonly local: { readonly host: string } };
  readonly channels: Readonly<Record<string, Channel>>;
  readonly operations: Readonly<Record<string, Operation>>;
  readonly components: {
    readonly messages: Readonly<
      Record<FrameName, { readonly payload: { readonly schema: Frame } }>
    >;
    readonly schemas: Readonly<Record<string, { readonly schema: object }>>;
  };
}
type FrameName = keyof typeof frameTypes;

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const document = parse(read('../../docs/asyncapi.yaml')) as AsyncApi;
const { messages, schemas } = document.components;

// Strict but for tuples: a frame may have elements that its schema does not know.
const ajv = new Ajv2020({ strictTuples: false, strictTypes: false });
ajv.addVocabulary(Object.keys(document));
ajv.addSchema(document, 'asyncapi.yaml');
const validators = new Map(
  Object.entries(frameTypes).map(([name, number]): [number, ValidateFunction] => {
    const $ref = `asyncapi.yaml#/components/messages/${name}/payload/schema`;
    return [number, ajv.compile({ $ref })];
  }),
);

/** What is wrong with a frame, by the schema of its type. */
function faults(frame: readonly unknown[]): string | null {
  const validate = validators.get(Number(frame[0]));
  if (validate === undefined) return 'there is no such type';
  return validate(frame) ? null : ajv.errorsText(validate.errors);
}

/** The operation of each direction, as docs/protocol.md names these. */
const operations: Readonly<Record<string, string>> = {
  device: 'hearDevice',
  'device-reply': 'tellDevice',
  subscriber: 'hearSubscriber',
  'subscriber-reply': 'tellSubscriber',
};

const lastPart = ({ $ref }: Reference): string => $ref.slice($ref.lastIndexOf('/') + 1);

function namesOf(operation: string): string[] {
  return (document.operations[operation]?.messages ?? []).map(lastPart);
}

function nameOf(frame: readonly unknown[]): FrameName {
  const names = Object.keys(frameTypes) as FrameName[];
  const name = names.find((candidate) => frameTypes[candidate] === frame[0]);
  if (name === undefined) throw new Error(`there is no frame type ${String(frame[0])}`);
  return name;
}

interface Example {
  readonly plane: string;
  readonly json: string;
  readonly frame: readonly unknown[];
}

const examples = [
  ...read('../../docs/protocol.md').matchAll(/```frame (\S+)\n(?:[0-9a-f]+\n)+(.*)\n```/g),
].map(([, plane = '', json = '']): Example => {
  return { plane, json, frame: JSON.parse(json) as readonly unknown[] };
});

// Arbitrary frames have any number and any name where the decoder looks at its type only.
function fromDevice(frame: DeviceFrame, { latE7, lonE7 }: Fix): DeviceFrame {
  if (frame.type === frameTypes.emergency) return { ...frame, latE7, lonE7 };
  if (frame.type !== frameTypes.positions || frame.vehicle === null) return frame;
  return { ...frame, vehicle: 'bus-304' };
}

function toDevice(reply: DeviceReply): DeviceReply {
  return reply.type === frameTypes.refused ? { ...reply, code: 201 } : reply;
}

function toSubscriber(reply: SubscriberReply, fix: Fix): SubscriberReply {
  if (reply.type === frameTypes.success) return { ...reply, result: null };
  if (reply.type === frameTypes.error) return { ...reply, code: 301 };
  if (reply.type !== frameTypes.livePositions) return reply;
  return { ...reply, positions: reply.positions.map(([id]) => livePosition(id, fix, 1)) };
}

const encoded = fc.oneof(
  fc.tuple(deviceFrame, validFix).map(([frame, fix]) => encodeDeviceFrame(fromDevice(frame, fix))),
  deviceReply.map((reply) => encodeDeviceReply(toDevice(reply))),
  subscriberFrame.map((frame) => encodeSubscriberFrame(frame, 'messagepack')),
  fc
    .tuple(subscriberReply, validFix)
    .map(([reply, fix]) => encodeSubscriberReply(toSubscriber(reply, fix), 'messagepack')),
);

function arrayOf(message: Uint8Array | string): readonly unknown[] {
  const parsed = parseMessagePack(Uint8Array.from(message as Uint8Array));
  if (!('value' in parsed)) throw new Error(parsed.refused);
  return parsed.value as readonly unknown[];
}

const fixes = [[0, 526_291_510, -86_617_460]];
const publication = { topic: 'trip:7', id: 'a', event: 'started', subject: 'bus-304' };
const wrong: readonly (readonly unknown[])[] = [
  [99],
  [1, 0, 0, fixes],
  [1, 1, 0, [[0, 900_000_001, 0]]],
  [1, 1, 0, [[0, 0]]],
  [1, 1, 0, fixes, 'acme/bus-304'],
  [17, 1, 3],
  [32, 0, 'fleet'],
  [32, 1, 'fleet', { minIntervalMs: -1 }],
  [32, 1, 'emergency', { since: ['epoch'] }],
  [34, 1, 'presence', {}],
  [34, 1, 'publish', { ...publication, topic: 'fleet' }],
  [34, 1, 'publish', { ...publication, subject: null }],
  [34, 1, 'publish', { ...publication, isOpen: 1 }],
  [34, 1, 'revoke', { tokenId: '' }],
  [34, 1, 'replay.start', { vehicle: 'bus-304', fromMs: 0 }],
  [34, 1, 'replay.start', { vehicle: 'bus-304', fromMs: 0, toMs: 1, speed: 0.01 }],
  [34, 1, 'replay.pause', {}],
  [49, 1, { epoch: 'run' }],
  [49, 1, { id: '1', topic: 'replay:1' }],
  [51, 'replay:1', 0, 'skipped', { fromMs: 0 }],
  [51, 'replay:1', 0, 'ended', { reason: 'tired', shown: 1, lastMs: 0 }],
  [51, 'vehicle:bus-304', 0, 'presence', { state: 'asleep' }],
  [51, 'vehicle:bus-304', 0, 'tamper', { timeMs: 1 }],
  [51, 'fleet', 0, 'summary', { moving: 1 }],
  [51, 'area', 0, 'left', 'bus-304'],
  [52, 'fleet', [['bus-304', 0, 0, 0]]],
  [53, 'fleet', {}],
];

describe('docs/asyncapi.yaml', () => {
  it('has a message of every frame type, with its number', () => {
    expect(document.asyncapi).toBe('3.0.0');
    const numbers = Object.entries(messages).map(([name, { payload }]) => {
      return [name, payload.schema.prefixItems[0]?.['const']];
    });
    expect(Object.fromEntries(numbers)).toEqual(frameTypes);
  });

  it('has every message on the plane of its operations', () => {
    for (const [operation, { channel }] of Object.entries(document.operations)) {
      const plane = document.channels[lastPart(channel)];
      for (const name of namesOf(operation)) {
        expect(plane?.messages[name]?.$ref).toBe(`#/components/messages/${name}`);
      }
    }
    const told = Object.values(operations).flatMap(namesOf);
    expect(new Set(told)).toEqual(new Set(Object.keys(frameTypes)));
  });

  it('has the paths, the address and the bounds of the code', () => {
    const paths = Object.entries(document.channels).map(([name, { address }]) => [name, address]);
    expect(Object.fromEntries(paths)).toEqual(planePaths);
    const { host, port } = settings;
    expect(document.servers.local.host).toBe(`${host.fallback}:${port.fallback}`);
    const element = (name: FrameName, index: number): unknown =>
      messages[name].payload.schema.prefixItems[index];
    expect(element('positions', 3)).toMatchObject({ maxItems: limits.fixesPerFrameMax });
    expect(element('refresh', 1)).toMatchObject({ maxLength: limits.tokenBytesMax });
    expect(element('call', 2)).toMatchObject({ maxLength: limits.topicBytesMax });
    expect(element('subscribe', 3)).toMatchObject({
      properties: { minIntervalMs: { maximum: limits.subscriptionIntervalMaxMs } },
    });
    const schema = (name: string): unknown => schemas[name]?.schema;
    const { replaySpeedMin: minimum, replaySpeedMax: maximum } = limits;
    expect(schema('replaySpeed')).toHaveProperty(['anyOf', 1], {
      type: 'number',
      minimum,
      maximum,
    });
    expect(schema('topicAsked')).toMatchObject({ maxLength: limits.topicBytesMax });
    expect(schema('attributes')).toMatchObject({ maxProperties: limits.attributesKeysMax });
    expect(schema('eventsResult')).toMatchObject({
      properties: { events: { maxItems: limits.recoveryEventsMax } },
    });
  });

  it('has the events of vehicles, with their data, as docs/protocol.md has them', () => {
    const kinds = schemas['vehicleEventKind']?.schema;
    expect(kinds).toEqual({ enum: [...vehicleEventKinds] });
    const table = read('../../docs/protocol.md').split('<!-- vehicle events -->')[1] ?? '';
    const rows = [...table.matchAll(/^\| `(\w+)` +\|[^|]*\|([^|]*)\|$/gm)];
    expect(rows.map(([, kind]) => kind)).toEqual([...vehicleEventKinds]);
    for (const [, kind = '', cell = ''] of rows) {
      const names = [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
      const told = (data: object) => {
        const event = { timeMs: 1, subject: '', latE7: 0, lonE7: 0, isLate: false, data };
        return faults([51, 'vehicle:bus-304', 0, kind, event]);
      };
      const whole = Object.fromEntries(names.map((name) => [name, 1]));
      expect(told(whole)).toBeNull();
      for (const name of names) expect(told({ ...whole, [name]: undefined })).not.toBeNull();
    }
  });

  it.each(examples)('takes the example $json', ({ plane, frame }) => {
    expect(faults(frame)).toBeNull();
    expect(namesOf(operations[plane] ?? '')).toContain(nameOf(frame));
  });

  it.each(examples)('takes more than $json, and no less', ({ frame }) => {
    const { minItems, prefixItems } = messages[nameOf(frame)].payload.schema;
    expect(faults(frame.slice(0, minItems - 1))).not.toBeNull();
    const left = Array.from({ length: prefixItems.length - frame.length }, () => null);
    expect(faults([...frame, ...left, 'of a later version'])).toBeNull();
  });

  it('takes every frame that the encoders make', () => {
    fc.assert(
      fc.property(encoded, (message) => {
        expect(faults(arrayOf(message))).toBeNull();
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(wrong)('refuses [%j, %j, %j, %j]', (...frame) => {
    expect(faults(frame)).not.toBeNull();
  });
});

/** docs/protocol.md is normative: its examples are decoded here, its tables and its bounds are those of the code. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { settings } from '../../src/config.ts';
import { closeCodes, isTemporary, refusals, type RefusalName } from '../../src/errors.ts';
import { defaultTenant, roles, type Identity, type Role } from '../../src/identity.ts';
import { limits } from '../../src/limits.ts';
import {
  mayCall,
  mayConnectIngest,
  mayFollow,
  mayPublish,
  maySubscribe,
  methods,
} from '../../src/live/access.ts';
import { isEventTopic, parseTopic, type Topic } from '../../src/live/topics.ts';
import { decodeDeviceFrame, decodeSubscriberFrame } from '../../src/wire/decode.ts';
import {
  encodeDeviceFrame,
  encodeDeviceReply,
  encodeSubscriberFrame,
  encodeSubscriberReply,
} from '../../src/wire/encode.ts';
import { parseJson } from '../../src/wire/json.ts';
import { parseMessagePack, toMessagePack, type Parsed } from '../../src/wire/messagepack.ts';
import { readDeviceReply, readSubscriberReply } from '../../src/wire/reply.ts';
import { frameTypes } from '../../src/wire/types.ts';

const source = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
// Tables are padded by the formatter.
const text = source.replace(/ +/g, ' ');

interface Example {
  readonly name: string;
  readonly plane: string;
  readonly bytes: Uint8Array;
  readonly json: string;
}

const examples: Example[] = [...text.matchAll(/```frame (\S+)\n([\s\S]*?)\n```/g)].map((match) => {
  const lines = (match[2] ?? '').split('\n');
  const json = lines.pop() ?? '';
  const bytes = Uint8Array.from(Buffer.from(lines.join(''), 'hex'));
  return { name: json.slice(0, 60), plane: match[1] ?? '', bytes, json };
});

function decode(plane: string, parsed: Parsed): unknown {
  switch (plane) {
    case 'device':
      return decodeDeviceFrame(
        'value' in parsed ? toMessagePack(parsed.value) : new Uint8Array(0),
        limits,
      );
    case 'device-reply':
      return readDeviceReply(parsed);
    case 'subscriber':
      return decodeSubscriberFrame(parsed, limits);
    case 'subscriber-reply':
      return readSubscriberReply(parsed);
    default:
      throw new Error(`docs/protocol.md: unknown plane ${plane}`);
  }
}

function encode(plane: string, frame: never): Uint8Array | string {
  switch (plane) {
    case 'device':
      return encodeDeviceFrame(frame);
    case 'device-reply':
      return encodeDeviceReply(frame);
    case 'subscriber':
      return encodeSubscriberFrame(frame, 'messagepack');
    default:
      return encodeSubscriberReply(frame, 'messagepack');
  }
}

/** Of someone whose name is also that of a vehicle and of a user. */
const subject = 'bus-1';

function identityOf(role: Role, tenant: string): Identity {
  const token = { issuer: 'fleetwire', tokenId: null, expiresAtMs: 0 };
  return { subject, tenant, role, vehicles: null, ...token };
}

const topics = [
  `vehicle:${subject}`,
  'fleet',
  'area:-9,52,-8,53',
  'trip:t-1',
  `notification:${subject}`,
  'emergency',
  'system',
].map((name): Topic => {
  const topic = parseTopic(name, limits.areaCellsMax);
  if ('refused' in topic) throw new Error(`${name}: ${topic.refused}`);
  return topic;
});

/** What the code lets a role do with topics of a kind, in the words of the table. */
function reachOf(role: Role, topic: Topic): string {
  const here = identityOf(role, defaultTenant);
  const elsewhere = identityOf(role, 'acme');
  if (!maySubscribe(here, topic)) return '';
  if (topic.kind === 'notification') return 'own';
  if (!maySubscribe(elsewhere, topic)) return 'owner';
  return mayFollow(here, topic.kind, 'bus-2') ? 'all' : 'named';
}

/** What the identity may call; all calls of one kind by its name. */
function calledBy(identity: Identity): readonly string[] {
  const kindOf = (method: string): string => method.split('.')[0] ?? '';
  const names = methods
    .filter((method) => mayCall(identity, method))
    .map((method) => {
      const others = methods.filter((other) => kindOf(other) === kindOf(method));
      const isWhole = method.includes('.') && others.every((other) => mayCall(identity, other));
      return isWhole ? `${kindOf(method)}.*` : method;
    });
  return [...new Set(names)];
}

function accessRow(role: Role): string {
  const identity = identityOf(role, defaultTenant);
  const published = topics
    .filter(isEventTopic)
    .filter((topic) => mayPublish(identity, topic, 'bus-2'))
    .map(({ kind }) => kind);
  const called = calledBy(identity);
  const cells = [
    `\`${role}\``,
    mayConnectIngest(role) ? 'yes' : '',
    ...topics.map((topic) => reachOf(role, topic)),
    ...[published, called].map((names) => names.map((name) => `\`${name}\``).join(', ')),
  ];
  // An empty cell is one space.
  return `| ${cells.join(' | ')} |`.replace(/ +/g, ' ');
}

/** Every number of the text that is a bound, in its sentence. */
const kib = (bytes: number): string => `${bytes / 1024} KiB`;
const many = (count: number): string => count.toLocaleString('en-US');
const bounds = [
  `lists at most ${many(limits.tokenVehiclesMax)} vehicle ids`,
  `another ${limits.tokenGraceS} s`,
  `\`FLEETWIRE_CONNECTIONS_MAX\` | ${many(limits.connectionsMax)} |`,
  `\`FLEETWIRE_USER_CONNECTIONS_MAX\` | ${limits.userConnectionsMax} |`,
  `| topics of a connection | ${limits.topicsPerConnectionMax} |`,
  `${limits.requestsPerSecondMax} a second, ${limits.requestsBurstMax} at once`,
  `| yes | | ${many(limits.reportWatchedMs)} | 0 |`,
  `| no | | ${many(limits.reportUnwatchedMs)} | ${limits.reportUnwatchedM} |`,
  `| no | low | ${many(limits.reportLowBatteryMs)} | ${limits.reportLowBatteryM} |`,
  `under ${limits.lowBatteryPercent}`,
  `else within ${limits.presenceSweepIntervalMs / 1_000} s`,
  `\`minIntervalMs\` (0 to ${many(limits.subscriptionIntervalMaxMs)})`,
  `a tick (${limits.tickMs} ms; ${limits.tickMinMs} ms while few sockets are sent to)`,
  `more than ${kib(limits.subscriberHighWaterBytes)} wait`,
  `at most ${limits.areaCellsMax} cells`,
  `more than ${many(limits.areaMoveVehiclesMax)} vehicles are new`,
  `more than ${many(limits.areaLeftVehiclesMax)} have left`,
  `no live fix for ${limits.presenceIdleAfterMs / 1_000} s`,
  `every ${limits.summaryIntervalMs / 1_000} s`,
  `online, ${limits.movingSpeedCms / 100} m/s or more`,
  `more than ${many(limits.recoveryEventsMax)} events or ${kib(limits.recoveryBytesMax)} were missed`,
  `${limits.subscriberBackpressureBytesMax / 1024 ** 2} MiB waits in its socket`,
  `all together ${kib(limits.eventBytesMax)}`,
  `newest ${many(limits.channelEventsMax)} events`,
  `texts have at most ${limits.messageCharsMax} characters`,
  `a notification's \`body\` ${many(limits.bodyCharsMax)}`,
  `called again, every ${limits.emergencyRepeatMs / 1_000} s`,
  `(\`${settings.escalation.fallback}\`: seconds after the raising)`,
  `expires after ${limits.notificationTtlMs / 86_400_000} days where nothing else is said, ${limits.notificationTtlMaxMs / 86_400_000} at most`,
  `expires after ${limits.commandTtlMs / 3_600_000} h where nothing else is said, ${limits.commandTtlMaxMs / 86_400_000} days at most`,
  `they are at most ${limits.replayRangeMaxMs / 86_400_000} days apart`,
  `\`speed\` is ${limits.replaySpeedMin} to ${many(limits.replaySpeedMax)} times as fast`,
  `within a tick (${limits.tickMs} ms) MAY`,
  `more than ${kib(limits.subscriberHighWaterBytes)} wait in its socket its replays stand still`,
  `more than ${limits.replaySilenceMs / 1_000} s of the track without a fix, lasts ${limits.replaySilenceWaitMs / 1_000} s`,
  `been read, for ${limits.replayIdleMs / 60_000} minutes`,
  `at most ${limits.replaysPerConnectionMax} replays, a user ${limits.replaysPerUserMax} (692), the engine ${limits.replaysMax}`,
  `written every ${limits.sessionsFlushIntervalMs / 1_000} s`,
];

describe('docs/protocol.md', () => {
  it('has an example of every frame type', () => {
    const types = new Set(examples.map(({ json }) => (JSON.parse(json) as number[])[0]));
    const all = Object.values(frameTypes);
    expect([...types].toSorted((a, b) => (a ?? 0) - (b ?? 0))).toEqual(all);
  });

  it.each(examples)('$plane $name', ({ plane, bytes, json }) => {
    const fromBytes = decode(plane, parseMessagePack(bytes));
    expect(fromBytes).not.toBeNull();
    expect(fromBytes).not.toHaveProperty('refused');
    expect(fromBytes).toEqual(decode(plane, parseJson(json)));
    // Encoded again it is the same frame; optional elements that are nil may come back.
    const again = parseMessagePack(
      Uint8Array.from(encode(plane, fromBytes as never) as Uint8Array),
    );
    expect(decode(plane, again)).toEqual(fromBytes);
  });

  it('lists every refusal', () => {
    const rows = (Object.keys(refusals) as RefusalName[]).map((name) => {
      const { code, message } = refusals[name];
      return `| ${code} | \`${name}\` | ${message}${isTemporary(name) ? ' (temporary)' : ''} |`;
    });
    for (const row of rows) expect(text).toContain(row);
  });

  it('lists every close code', () => {
    for (const code of Object.values(closeCodes)) expect(text).toContain(`| ${code} |`);
  });

  it.each(roles)('says what a %s may', (role) => {
    const table = text.split('<!-- access -->')[1] ?? '';
    expect(table).toContain(accessRow(role));
  });

  it.each(bounds)('has the bound: %s', (sentence) => {
    expect(text.replace(/\n */g, ' ')).toContain(sentence);
  });
});

/** A database as a list: what `src/store/events.ts` promises. */
import type { TopicEvent } from '../../src/store/events.ts';
import { foldOpen } from './events.ts';
import { topics, type EventStore } from './recoverymodel.ts';

export function createListStore(): EventStore {
  const rows: TopicEvent[] = [];
  const of = (topic: string): TopicEvent[] =>
    rows.filter((row) => row.topic === topic).toSorted((one, other) => one.offset - other.offset);
  const isRepeat = ({ topic, id, offset }: TopicEvent): boolean =>
    of(topic).some((row) => row.id === id && row.offset < offset);
  return {
    save(events) {
      for (const event of events) {
        if (!of(event.topic).some(({ offset }) => offset === event.offset)) rows.push(event);
      }
      return Promise.resolve(events.filter(isRepeat));
    },
    open(topic, max) {
      const open = foldOpen(of(topic));
      const offset = of(topic).at(-1)?.offset ?? 0;
      return Promise.resolve({ offset, total: open.length, events: open.slice(-max) });
    },
    after(topic, offset, max) {
      const from = of(topic).filter((row) => row.offset >= offset);
      const first = Math.max(offset, 1);
      const isWhole = from.every((row, index) => row.offset === first + index);
      const events = from.slice(offset > 0 ? 1 : 0);
      const isKnown = offset === 0 || from.length > 0;
      return Promise.resolve(isWhole && isKnown && events.length <= max ? events : null);
    },
    last: (topic, max) => Promise.resolve(of(topic).slice(-max)),
    lastOffsets(visit, max) {
      const names = [...new Set(rows.map(({ topic }) => topic))].toSorted();
      for (const name of names.slice(0, max)) visit(name, of(name).at(-1)!.offset);
      return Promise.resolve(names.length <= max);
    },
    recent: (max) =>
      Promise.resolve(topics.flatMap(of).filter((row) => rows.slice(-max).includes(row))),
  };
}

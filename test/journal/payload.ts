/** What the child writes, so that its parent knows it again: all records are equally long. */
import { recordHeaderBytes } from '../../src/journal/record.ts';

const payloadBytes = 84;

export const childRecordBytes = recordHeaderBytes + payloadBytes;

export function childPayload(index: number): Buffer {
  return Buffer.alloc(payloadBytes, `record ${index};`);
}

/**
 * What the desk remembers of earlier runs: open trips, emergencies, notifications and commands, and the users.
 * Invariant: filled from the database here; what the journal has beyond that is put on top by whoever reads it.
 * Bound: those of the dockets and of the users; what is open is read whatever its number.
 */
import { messageOf } from '../errors.ts';
import { createDockets, type Dockets } from '../fleet/dockets.ts';
import { createUsers, type Users } from '../fleet/users.ts';
import { roles } from '../identity.ts';
import type { Database } from '../store/database.ts';
import { withinOrReset } from '../store/deadline.ts';
import { loadOpenStates } from '../store/openstates.ts';
import { loadUsers, saveUsers } from '../store/users.ts';
import type { Context } from './storage.ts';

export interface Memory {
  readonly dockets: Dockets;
  readonly users: Users;
}

export async function openMemory(
  { config, clock, metrics, log }: Context,
  database: Database,
): Promise<Memory> {
  const { bounds } = config;
  const dockets = createDockets(bounds);
  await loadOpenStates(database.sql, dockets.restore);
  const users = createUsers({
    save: (page) => withinOrReset(clock, database, saveUsers(database.sql, page)),
    onError: (error) => log.warn({ cause: messageOf(error) }, 'users not written, trying again'),
    clock,
    metrics,
    bounds,
  });
  await loadUsers(
    database.sql,
    ({ role: name, ...user }) => {
      const role = roles.find((known) => known === name);
      // A role of another version: nobody can send to it.
      if (role !== undefined) users.restore({ ...user, role });
    },
    bounds.usersMax,
  );
  return { dockets, users };
}

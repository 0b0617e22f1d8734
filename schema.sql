-- Fleetwire's schema, version 2. It applies as it stands, and again without harm, to PostgreSQL 16 and
-- later with TimescaleDB 2.13 and later, in the Apache edition as well as the Community edition:
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f schema.sql
-- The engine applies it at every start (see src/store/migrate.ts). Compression, retention and aggregates
-- depend on the edition and on the configuration; the engine sees to them (src/store/timescale.ts).

create extension if not exists timescaledb;

create table if not exists schema_version (
  version    integer     primary key,
  applied_at timestamptz not null default now()
);

-- Every fix, once. A vehicle has one position at one instant: the primary key is what makes a fix that is
-- sent twice a repeat. The key of a vehicle is its id, or <tenant>/<id>, in C collation: byte order, so
-- that a tenant is one range of the index. There is no index on time alone: chunks are ranges of time.
create table if not exists positions (
  time        timestamptz      not null,           -- of the fix, to the millisecond
  received_at timestamptz      not null,           -- by the engine's clock
  latitude    double precision not null,           -- degrees, WGS 84
  longitude   double precision not null,           -- degrees, WGS 84
  speed       real,                                -- m/s
  course      real,                                -- degrees clockwise from true north
  altitude    real,                                -- m
  accuracy    real,                                -- m
  flags       integer          not null default 0, -- 1 clock skew, 2 late, 4 backfill
  satellites  smallint,
  attributes  jsonb,
  vehicle_id  text             collate "C" not null,
  primary key (vehicle_id, time)
);

select create_hypertable(
  'positions',
  by_range('time', interval '1 day'),
  create_default_indexes => false,
  if_not_exists          => true
);

-- The last known position of each vehicle, written every few seconds for those that moved. Half of each
-- page stays free, so that an update finds room beside the old version and leaves the index alone.
create table if not exists vehicles (
  vehicle_id  text             collate "C" primary key,
  time        timestamptz      not null,
  latitude    double precision not null,
  longitude   double precision not null,
  speed       real,
  course      real,
  altitude    real,
  accuracy    real,
  flags       integer          not null default 0,
  satellites  smallint,
  attributes  jsonb,
  received_at timestamptz      not null,
  updated_at  timestamptz      not null default now()
) with (fillfactor = 50);

-- What the database refused for its content. `row` is, of a fix, the tuple in PostgreSQL's binary COPY format
-- (columns in the order of src/store/row.ts), and of an event its JSON, so that nothing of it is lost;
-- vehicle and time are null where even they cannot be stored, and always of an event.
create table if not exists dead_letters (
  id          bigint      generated always as identity primary key,
  recorded_at timestamptz not null default now(),
  vehicle_id  text        collate "C",
  time        timestamptz,
  sqlstate    text        not null,
  reason      text        not null,
  row         bytea       not null,
  kind        text        not null default 'fix'  -- or event, or status
);

-- Of version 1.
alter table dead_letters add column if not exists kind text not null default 'fix';

-- A dead letter whose commit was in doubt is written again: it must not stand there twice.
create unique index if not exists dead_letters_once
  on dead_letters (vehicle_id, time, md5(row)) nulls not distinct;

-- What is known once for the whole database: `epoch` names the life of its offsets.
create table if not exists engine_state (
  key   text collate "C" primary key,
  value text not null
);

-- The events of event topics, which are named <tenant>/<topic>. Positions of a topic begin at 1 and have no
-- gaps: recovery counts on it. The newest row of a topic says which position comes next, so whatever
-- removes old events has to leave that one.
create table if not exists events (
  topic       text        collate "C" not null,
  position    bigint      not null,               -- the offset that subscribers see
  event_id    text        collate "C" not null,
  is_repeat   boolean     not null default false, -- the topic has another event of this id
  event       text        not null,
  data        jsonb       not null,
  time        timestamptz not null,               -- of what happened, to the millisecond
  recorded_at timestamptz not null default now(),
  subject     text        collate "C",            -- what it is about, where that opens and closes
  is_open     boolean     not null default false, -- after this event the subject is open
  primary key (topic, position)
);

-- Of version 1.
alter table events add column if not exists subject text collate "C";
alter table events add column if not exists is_open boolean not null default false;

create unique index if not exists events_once on events (topic, event_id) where not is_repeat;
create index if not exists events_recorded on events (recorded_at);
create index if not exists events_subject on events (topic, subject, position)
  where subject is not null and not is_repeat;

-- The newest event of each subject that is open, kept with `events` in one statement. Whatever removes old
-- events has to leave these too.
create table if not exists open_events (
  topic    text   collate "C" not null,
  subject  text   collate "C" not null,
  position bigint not null,
  primary key (topic, subject)
);

-- One row for each connection that was greeted, written every few seconds. What it has counted is known at
-- its end; where the engine ended without a stop, nothing was.
create table if not exists sessions (
  id              uuid        primary key,
  node            text        collate "C" not null, -- the engine, named in its data directory
  tenant          text        collate "C" not null,
  subject         text        collate "C" not null,
  role            text        not null,
  plane           text        not null,             -- ingest or live
  address         text        not null,             -- of the client, as proxies that are trusted tell it
  started_at      timestamptz not null,
  ended_at        timestamptz,
  close_code      integer,                          -- 1005 no code, 1006 no close frame
  close_reason    text,
  frames_received bigint,
  bytes_received  bigint,
  frames_sent     bigint,                           -- to it by itself, not by topics
  bytes_sent      bigint
);

create index if not exists sessions_subject on sessions (tenant, subject, started_at desc);
create index if not exists sessions_open on sessions (node) where ended_at is null;

-- Tokens that count no more, although they have not expired.
create table if not exists revocations (
  tenant     text        collate "C" not null,
  issuer     text        collate "C" not null,
  token_id   text        collate "C" not null,      -- jti
  revoked_at timestamptz not null,
  expires_at timestamptz,                           -- with the token; null for never
  primary key (tenant, issuer, token_id)
);

-- Every version of every geofence: an edit of what fixes are measured by ends one and begins another, so that
-- late fixes meet the fence as it was. One that is deleted has no version that goes on.
create table if not exists geofences (
  tenant     text        collate "C" not null,
  id         text        collate "C" not null,
  valid_from timestamptz not null,                  -- of fixes, by their time
  valid_to   timestamptz,                           -- null for the version that counts now
  name       text        not null,
  geojson    jsonb       not null,                  -- a Feature; properties have radiusM or widthM
  speed_max  real,                                  -- m/s
  dwell      interval,
  notify     jsonb       not null default '[]',     -- role:<role> and user:<name>
  attributes jsonb,
  created_at timestamptz not null,
  created_by text        not null,
  updated_at timestamptz not null,                  -- or deleted
  updated_by text        not null,
  primary key (tenant, id, valid_from)
);

create unique index if not exists geofences_current on geofences (tenant, id) where valid_to is null;

-- The newest state of each trip, emergency, notification and command: what its newest event says, written in the
-- statement that saves the event. Times are to the millisecond.
create table if not exists trips (
  tenant     text        collate "C" not null,
  id         text        collate "C" not null,
  vehicle    text        collate "C" not null,
  source     text        not null,                  -- explicit, or detected from positions
  phase      text        not null,                  -- running, paused or stopped, ended, cancelled
  driver     text,
  started_at timestamptz not null,
  ended_at   timestamptz,
  is_open    boolean     not null,
  position   bigint      not null,                  -- of the event in its topic
  state      jsonb       not null,
  updated_at timestamptz not null default now(),
  primary key (tenant, id)
);

create index if not exists trips_vehicle on trips (tenant, vehicle, started_at desc);
create index if not exists trips_started on trips (tenant, started_at desc);
create index if not exists trips_open on trips (tenant, id) where is_open;
create index if not exists trips_ended on trips (tenant, vehicle, ended_at desc)
  where source = 'explicit' and phase = 'ended';

create table if not exists emergencies (
  tenant     text        collate "C" not null,
  id         text        collate "C" not null,
  kind       text        not null,
  phase      text        not null,                  -- open, acknowledged, resolved, falseAlarm
  vehicle    text        collate "C",
  raised_at  timestamptz not null,
  raised_by  text        not null,
  seen_at    timestamptz,                           -- by the first person
  closed_at  timestamptz,
  is_open    boolean     not null,
  position   bigint      not null,
  state      jsonb       not null,
  updated_at timestamptz not null default now(),
  primary key (tenant, id)
);

create index if not exists emergencies_raised on emergencies (tenant, raised_at desc);
create index if not exists emergencies_open on emergencies (tenant, id) where is_open;

-- One row for each user who has it, under notification:<user>, and one for what was sent to many, under
-- audience:<role> or audience:everyone.
create table if not exists notifications (
  tenant     text        collate "C" not null,
  topic      text        collate "C" not null,
  id         text        collate "C" not null,
  audience   text        not null,                  -- user, everyone or a role
  recipient  text        collate "C",               -- null where it is to many
  phase      text        not null,                  -- unread, read, expired; sending, sent, expired
  severity   text        not null,                  -- info, warning, critical
  title      text        not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  read_at    timestamptz,
  is_open    boolean     not null,
  position   bigint      not null,
  state      jsonb       not null,
  updated_at timestamptz not null default now(),
  primary key (tenant, topic, id)
);

create index if not exists notifications_created on notifications (tenant, recipient, created_at desc);
create index if not exists notifications_open on notifications (tenant, topic, id) where is_open;

create table if not exists commands (
  tenant       text        collate "C" not null,
  vehicle      text        collate "C" not null,
  id           text        collate "C" not null,
  name         text        not null,
  phase        text        not null,                -- queued, delivered, answered, expired, cancelled
  created_at   timestamptz not null,
  created_by   text        not null,
  expires_at   timestamptz not null,
  delivered_at timestamptz,
  closed_at    timestamptz,
  is_open      boolean     not null,
  position     bigint      not null,
  state        jsonb       not null,
  updated_at   timestamptz not null default now(),
  primary key (tenant, vehicle, id)
);

create index if not exists commands_created on commands (tenant, vehicle, created_at desc);
create index if not exists commands_open on commands (tenant, vehicle, id) where is_open;

-- Who has connected to the subscriber plane: what is sent to a role or a tenant is given to each of them.
create table if not exists users (
  tenant     text        collate "C" not null,
  subject    text        collate "C" not null,
  role       text        not null,
  first_seen timestamptz not null,
  last_seen  timestamptz not null,
  primary key (tenant, subject)
);

-- What a vehicle's fixes have told beside trips: fences, speeds, braking, switches. As they tell it in the order of
-- their time: where late ones change it, what follows from them is replaced.
create table if not exists vehicle_events (
  vehicle_id text             collate "C" not null,
  time       timestamptz      not null,             -- when it happened
  kind       text             collate "C" not null,
  subject    text             collate "C" not null, -- the id of a geofence; empty for none
  latitude   double precision not null,
  longitude  double precision not null,
  is_late    boolean          not null,             -- told by a fix that came late
  data       jsonb            not null,
  told_at    timestamptz      not null,             -- of the fix or the status that told it
  primary key (vehicle_id, time, kind, subject)
);

create index if not exists vehicle_events_told on vehicle_events (vehicle_id, told_at);
create index if not exists vehicle_events_time on vehicle_events (time, vehicle_id, kind, subject);
create index if not exists vehicle_events_subject
  on vehicle_events (subject, time, vehicle_id, kind) where subject <> '';

-- What devices have said of their vehicles without a position: one of a vehicle and a time.
create table if not exists statuses (
  vehicle_id  text        collate "C" not null,
  time        timestamptz not null,
  received_at timestamptz not null,
  flags       integer     not null,                 -- as of positions; 1024: it came before any position
  attributes  jsonb       not null,
  primary key (vehicle_id, time)
);

-- The state of the fold over a vehicle's fixes (src/fleet/statecodec.ts): the newest with its row, and those
-- from which the past can be gone over again, at most one an hour and one at the end of each trip.
alter table vehicles add column if not exists state bytea;

create table if not exists vehicle_states (
  vehicle_id text        collate "C" not null,
  time       timestamptz not null,                  -- of the last fix in it
  state      bytea       not null,
  primary key (vehicle_id, time)
);

-- Vehicles with fixes that the fold has not taken yet, because they came late: from when on. One row a vehicle at most,
-- which is gone when they are folded.
create table if not exists vehicle_dirty (
  vehicle_id text        collate "C" primary key,
  time       timestamptz not null
);

-- By these retention finds what is over and old (src/store/retention.ts), and reads no table as a whole.
create index if not exists trips_over on trips (updated_at) where not is_open;
create index if not exists emergencies_over on emergencies (updated_at) where not is_open;
create index if not exists notifications_over on notifications (updated_at) where not is_open;
create index if not exists commands_over on commands (updated_at) where not is_open;
create index if not exists vehicle_states_time on vehicle_states (time, vehicle_id);
create index if not exists statuses_time on statuses (time);
create index if not exists sessions_ended on sessions (ended_at) where ended_at is not null;

-- What retention has dropped; the newest thousand.
create table if not exists maintenance_runs (
  id         bigint      generated always as identity primary key,
  source     text        not null,                  -- the table
  unit       text        not null,                  -- rows or chunks
  dropped    bigint      not null,
  started_at timestamptz not null,
  took_ms    integer     not null
);

insert into schema_version (version) values (2) on conflict do nothing;

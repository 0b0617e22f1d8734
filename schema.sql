-- Fleetwire's schema, version 1. It applies as it stands, and again without harm, to PostgreSQL 16 and
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

-- Rows that the database refused for their content. `row` is the tuple in PostgreSQL's binary COPY format
-- (columns in the order of src/store/row.ts), so that nothing of it is lost; vehicle and time are null
-- where even they cannot be stored.
create table if not exists dead_letters (
  id          bigint      generated always as identity primary key,
  recorded_at timestamptz not null default now(),
  vehicle_id  text        collate "C",
  time        timestamptz,
  sqlstate    text        not null,
  reason      text        not null,
  row         bytea       not null
);

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
  primary key (topic, position)
);

create unique index if not exists events_once on events (topic, event_id) where not is_repeat;
create index if not exists events_recorded on events (recorded_at);

insert into schema_version (version) values (1) on conflict do nothing;

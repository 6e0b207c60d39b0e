-- The platform around the charge points: people, projects, money, messages to the outside.
-- Decimals are text, instants Unix milliseconds, structured values JSON text.

-- Keys that this server made for itself: jwt_key, authority_key, authority_certificate.
create table secret (
    name text primary key not null,
    value text not null
);

create table account (
    id text primary key not null,
    organization_id text not null references organization (id),
    role text not null,
    name text not null,
    email text not null,
    email_key text not null unique,
    company text,
    password_hash text not null,
    created_at_ms bigint not null
);

-- access_policy: open, or list: only access_tags may charge. site_owner_id is set when the owner accepted.
create table project (
    id text primary key not null,
    organization_id text not null references organization (id),
    installer_id text not null references account (id),
    site_owner_id text references account (id),
    name text not null,
    address text not null,
    site_owner_email text,
    access_policy text not null,
    access_tags text not null,
    created_at_ms bigint not null,
    handed_over_at_ms bigint,
    sign_off_notes text,
    installer_signature text
);
create index project_installer on project (installer_id);
create index project_site_owner on project (site_owner_id);

-- voided_at_ms: a newer invitation of the project took its place; its token is as good as unknown.
create table invitation (
    id text primary key not null,
    project_id text not null references project (id),
    email text not null,
    message text,
    token_hash text not null unique,
    created_at_ms bigint not null,
    expires_at_ms bigint not null,
    accepted_at_ms bigint,
    voided_at_ms bigint
);
create index invitation_project on invitation (project_id, created_at_ms);
create index invitation_open on invitation (expires_at_ms) where accepted_at_ms is null;

create table site (
    id text primary key not null,
    organization_id text not null references organization (id),
    installer_id text references account (id),
    name text not null,
    address text not null,
    latitude double precision,
    longitude double precision,
    created_at_ms bigint not null,
    -- Of the site, of a charge point on it, or of an EVSE of one: a change below is a change of the location
    -- [OCPI 2.2.1 locations].
    updated_at_ms bigint not null,
    -- Whoever was told of a site is told that it is gone.
    deleted_at_ms bigint
);
create index site_organization on site (organization_id);
create index site_updated on site (organization_id, updated_at_ms, id);

-- vendor, model, serial_number of 0001 are what the boot said; these are what was registered. A deleted charge
-- point keeps its records under the id ID/deleted/N, which no charge point can have; a row that is deleted and has
-- another id is on its way there, see store/charge_points/registration.rs.
alter table charge_point add column name text;
alter table charge_point add column registered_vendor text;
alter table charge_point add column registered_model text;
alter table charge_point add column registered_serial_number text;
alter table charge_point add column ocpp_version text not null default '1.6';
alter table charge_point add column id_was_generated boolean not null default false;
alter table charge_point add column installer_id text references account (id);
alter table charge_point add column project_id text references project (id);
alter table charge_point add column site_id text references site (id);
alter table charge_point add column latitude double precision;
alter table charge_point add column longitude double precision;
alter table charge_point add column address text;
-- The square of the map it lies in; see domain/charge_points/place.rs.
alter table charge_point add column map_cell bigint;
alter table charge_point add column connector_count bigint;
alter table charge_point add column connector_type text;
alter table charge_point add column max_power_kw double precision;
alter table charge_point add column configured_at_ms bigint;
alter table charge_point add column connected_at_ms bigint;
alter table charge_point add column commissioned_at_ms bigint;
-- Security profile of OCPP, 0 to 3: what a handshake must prove.
alter table charge_point add column security_profile bigint not null default 0;
-- What the last handshake proved.
alter table charge_point add column identity_verified boolean not null default false;
alter table charge_point add column tls_enabled boolean not null default false;
alter table charge_point add column deleted_at_ms bigint;
create index charge_point_installer on charge_point (installer_id, id);
create index charge_point_project on charge_point (project_id, id);
create index charge_point_deleted on charge_point (id) where deleted_at_ms is not null;
-- All that a search looks at before it knows what is near: it reads nothing but these. The last columns are for
-- SQLite, which reads the row where an index leaves out what its own condition says.
create index charge_point_map on charge_point (map_cell, latitude, longitude, id, commissioned_at_ms, deleted_at_ms)
    where deleted_at_ms is null and commissioned_at_ms is not null;
create index charge_point_organization_map
    on charge_point (organization_id, map_cell, latitude, longitude, id, deleted_at_ms)
    where deleted_at_ms is null;

-- Whose a transaction is: its organization_id of 0001, and these two, as they were of its charge point when it began.
alter table charge_transaction add column installer_id text references account (id);
alter table charge_transaction add column project_id text references project (id);
create index charge_transaction_project on charge_transaction (organization_id, project_id, id);
create index charge_transaction_installer on charge_transaction (organization_id, installer_id, id);

-- Whose a charge point was, and whom a project let in, until a change; see store/charge_points/past.rs.
create table charge_point_past (
    charge_point_id text not null references charge_point (id),
    until_ms bigint not null,
    organization_id text not null references organization (id),
    installer_id text references account (id),
    project_id text references project (id),
    primary key (charge_point_id, until_ms)
);

create table project_access_past (
    project_id text not null references project (id),
    until_ms bigint not null,
    access_policy text not null,
    access_tags text not null,
    primary key (project_id, until_ms)
);

-- The EVSEs of a charge point whose connectors somebody grouped, from 1 [2.0.1 part 1 §3]; where no row is, connector n
-- of 1.6 is EVSE n. deleted_at_ms: another grouping has no EVSE of this number. capabilities, parking_restrictions:
-- JSON lists of the words of OCPI.
create table evse (
    charge_point_id text not null references charge_point (id),
    evse_id bigint not null,
    physical_reference text,
    floor_level text,
    capabilities text not null,
    parking_restrictions text not null,
    updated_at_ms bigint not null,
    deleted_at_ms bigint,
    primary key (charge_point_id, evse_id)
);

-- The connectors of these EVSEs, from 1 within each. connector_1_6: the number that 1.6 counts them by across the
-- charge point. In volts, amperes and watts.
create table evse_connector (
    charge_point_id text not null references charge_point (id),
    evse_id bigint not null,
    connector_id bigint not null,
    connector_1_6 bigint not null,
    standard text not null,
    format text not null,
    power_type text not null,
    max_voltage bigint not null,
    max_amperage bigint not null,
    max_electric_power bigint,
    updated_at_ms bigint not null,
    primary key (charge_point_id, evse_id, connector_id),
    unique (charge_point_id, connector_1_6)
);

-- What was set in the device models of charge points, by its address there [2.0.1 part 1 §4]: an instance that has no
-- name is empty, evse_id and connector_id are 0 where the component is of the charge point, or of an EVSE. key_1_6: by
-- which key it was set, and is pushed where 1.6 is spoken, whose keys are rows of this table too; see
-- domain/charge_points/variable.rs. value: JSON. pushed: saved, or the charge point's answer. position: the place
-- in the request that changed it, for they are pushed in order.
create table variable (
    charge_point_id text not null references charge_point (id),
    component text not null,
    component_instance text not null,
    variable text not null,
    variable_instance text not null,
    evse_id bigint not null,
    connector_id bigint not null,
    attribute_type text not null,
    key_1_6 text,
    value text not null,
    data_type text not null,
    mutability text not null,
    pushed text not null,
    changed_at_ms bigint not null,
    position bigint not null,
    primary key (charge_point_id, component, component_instance, variable, variable_instance, evse_id, connector_id,
        attribute_type)
);

create table certificate (
    id text primary key not null,
    charge_point_id text not null references charge_point (id),
    serial_number text not null unique,
    fingerprint text not null unique,
    certificate_pem text not null,
    issued_at_ms bigint not null,
    expires_at_ms bigint not null,
    revoked_at_ms bigint
);
create index certificate_charge_point on certificate (charge_point_id, issued_at_ms);
create index certificate_expiry on certificate (expires_at_ms);

-- One run at a time per charge point: the partial index holds it.
create table commissioning (
    id text primary key not null,
    charge_point_id text not null references charge_point (id),
    installer_id text not null references account (id),
    status text not null,
    run_test_transaction boolean not null,
    notify_on_complete boolean not null,
    checks text not null,
    started_at_ms bigint not null,
    completed_at_ms bigint,
    leased_by text not null,
    leased_until_ms bigint not null
);
create unique index commissioning_running on commissioning (charge_point_id) where status = 'in_progress';
create index commissioning_charge_point on commissioning (charge_point_id, started_at_ms);
create index commissioning_completed on commissioning (completed_at_ms) where completed_at_ms is not null;

create table commissioning_entry (
    commissioning_id text not null references commissioning (id),
    number bigint not null,
    at_ms bigint not null,
    entry text not null,
    primary key (commissioning_id, number)
);

-- owner: a charge point's id, or a project's. Prices include tax. A tariff holds until the owner's next one: since
-- which time a transaction begins by it. None is ever deleted: deleted_at_ms says since when nothing new is priced by
-- it, as its charge point is gone. elements: what it has beside these figures, as JSON; see domain/money/element.rs.
create table tariff (
    id text primary key not null,
    organization_id text not null references organization (id),
    owner_kind text not null,
    owner_id text not null,
    currency text not null,
    price_per_kwh text not null,
    session_fee text not null,
    idle_fee_per_minute text not null,
    free_idle_minutes bigint not null,
    elements text,
    since_ms bigint not null,
    updated_at_ms bigint not null,
    deleted_at_ms bigint,
    unique (owner_kind, owner_id, since_ms)
);
create index tariff_updated on tariff (organization_id, updated_at_ms, id);

-- What a transaction costs: the tariff as it was at the start; once it has ended the energy and the idle time that are
-- billed, and the total. billed_though: why the tag might not charge when it began, if so. Absent where
-- nothing is billed.
create table transaction_cost (
    transaction_id bigint primary key not null references charge_transaction (id),
    currency text not null,
    tariff text not null,
    billed_though text,
    energy_wh bigint,
    idle_minutes bigint,
    total text
);

-- Every status a connector reported, in the order of its stamps; place is the order of arrival where stamps are equal.
-- Without a stamp of its own reported_at_ms is its arrival.
create table connector_history (
    charge_point_id text not null references charge_point (id),
    connector_id bigint not null,
    reported_at_ms bigint not null,
    place bigint not null,
    availability text collate "C" not null,
    occupancy text collate "C",
    phase text collate "C",
    is_faulted boolean not null,
    status text not null generated always as (case
        when is_faulted then 'Faulted'
        when availability = 'inoperative' then 'Unavailable'
        when phase = 'preparing' then 'Preparing'
        when phase = 'charging' then 'Charging'
        when phase = 'suspended_ev' then 'SuspendedEV'
        when phase = 'suspended_evse' then 'SuspendedEVSE'
        when phase = 'finishing' then 'Finishing'
        when occupancy = 'reserved' then 'Reserved'
        when occupancy = 'occupied' then 'Preparing'
        else 'Available' end) stored,
    error_code text not null,
    received_at_ms bigint not null,
    has_stamp boolean not null,
    primary key (charge_point_id, connector_id, reported_at_ms, place)
);
create index connector_history_arrival on connector_history (charge_point_id, connector_id, received_at_ms);

-- Guests who pay as they go. One row per EVSE has no ended_at_ms, and has not left it: has_left says that its
-- transaction was left without a stop, and its price waits for one. status: requires_action, authorizing,
-- charging, stopping, stopped, expired, failed. payment_status: authorizing, requires_action, authorized, capturing,
-- captured, capture_failed, canceling, canceled, declined, refused; what ends in -ing is under way at the gateway.
-- tariff: as it was shown to the guest. energy_wh, idle_minutes, total: what is paid for, once it is ended.
create table guest_session (
    token text primary key not null,
    organization_id text not null references organization (id),
    charge_point_id text not null references charge_point (id),
    evse_id bigint not null,
    -- The connector that the guest chose, counted over the whole charge point.
    connector_id bigint not null,
    id_tag text not null unique,
    transaction_id bigint references charge_transaction (id),
    status text not null,
    reason text,
    start_sent boolean not null,
    stop_asked_at_ms bigint,
    payment_method_id text not null,
    payment_reference text,
    payment_status text not null,
    next_action_url text,
    return_url text not null,
    receipt text not null,
    tariff text not null,
    held text not null,
    energy_wh bigint,
    idle_minutes bigint,
    total text,
    captured text,
    created_at_ms bigint not null,
    expires_at_ms bigint not null,
    ended_at_ms bigint,
    has_left boolean not null default false
);
create unique index guest_session_open on guest_session (charge_point_id, evse_id)
    where ended_at_ms is null and not has_left;
create index guest_session_charge_point on guest_session (charge_point_id);
create index guest_session_transaction on guest_session (transaction_id, ended_at_ms);
create index guest_session_payment on guest_session (payment_status)
    where payment_status in ('authorizing', 'requires_action', 'authorized', 'capturing', 'canceling');

create table integration_request (
    id text primary key not null,
    organization_id text not null references organization (id),
    integration_type text not null,
    partner_name text not null,
    description text,
    status text not null,
    created_at_ms bigint not null
);
create index integration_request_organization on integration_request (organization_id, created_at_ms);

create table webhook (
    id text primary key not null,
    organization_id text not null references organization (id),
    url text not null,
    events text not null,
    secret text not null,
    created_at_ms bigint not null,
    deleted_at_ms bigint
);
create index webhook_organization on webhook (organization_id) where deleted_at_ms is null;
create index webhook_deleted on webhook (deleted_at_ms) where deleted_at_ms is not null;

-- Letters that wait for their way out: mail and webhooks. recipient: an e-mail address, or a webhook's id.
-- lane: what must arrive in order. due_at_ms: of the first letter of a lane, when it is tried; of the others, which
-- wait for it, the largest number there is. leased_until_ms: until then a process is sending it.
create table outbox (
    id bigint generated always as identity primary key not null,
    kind text not null,
    recipient text not null,
    lane text not null,
    subject text,
    body text not null,
    created_at_ms bigint not null,
    due_at_ms bigint not null,
    attempts bigint not null,
    leased_until_ms bigint not null,
    sent_at_ms bigint,
    given_up_at_ms bigint,
    last_error text
);
create index outbox_waiting on outbox (lane, id) where sent_at_ms is null and given_up_at_ms is null;
create index outbox_due on outbox (kind, recipient, due_at_ms) where sent_at_ms is null and given_up_at_ms is null;
create index outbox_mail on outbox (created_at_ms) where kind = 'mail';
create index outbox_mail_lane on outbox (lane, created_at_ms) where kind = 'mail';
create index outbox_due_mail on outbox (kind, due_at_ms, id)
    where kind = 'mail' and sent_at_ms is null and given_up_at_ms is null;
create index outbox_waiting_mail on outbox (kind, created_at_ms)
    where kind = 'mail' and sent_at_ms is null and given_up_at_ms is null;
create index outbox_sent on outbox (sent_at_ms) where sent_at_ms is not null;
create index outbox_given_up on outbox (given_up_at_ms) where given_up_at_ms is not null;

-- What became of commands that came with an Idempotency-Key; outcome is null while the first is under way.
create table idempotent_answer (
    organization_id text not null references organization (id),
    key text not null,
    request_hash text not null,
    outcome text,
    created_at_ms bigint not null,
    primary key (organization_id, key)
);
create index idempotent_answer_age on idempotent_answer (created_at_ms);

-- Texts are compared and sorted byte by byte, as SQLite does it, whatever the locale of the database is. What a
-- generated column is made of cannot be changed here: it has its collation where it is made.
do $$
declare
    every record;
begin
    for every in
        select table_name,
            string_agg(format('alter column %I type text collate "C"', column_name), ', ') as changes
        from information_schema.columns
        where table_schema = current_schema() and data_type = 'text' and table_name not like '\_sqlx%'
            and collation_name is distinct from 'C'
            and (table_name, column_name) not in (
                select u.table_name, u.column_name from information_schema.column_column_usage u
                where u.table_schema = current_schema()
            )
        group by table_name
    loop
        execute format('alter table %I %s', every.table_name, every.changes);
    end loop;
end
$$;

-- What a running server has to hear of within a second.
create function count_registration_change() returns trigger language plpgsql as $$
begin
    update registration_change set number = number + 1 where id = 1;
    return null;
end
$$;
create trigger registration_changed after update of id, organization_id, registration, password_number, security_profile, decoding, deleted_at_ms on charge_point for each statement
    execute function count_registration_change();
create trigger registration_gone after delete on charge_point for each statement
    execute function count_registration_change();
create trigger certificate_revoked after update of revoked_at_ms on certificate for each statement
    execute function count_registration_change();

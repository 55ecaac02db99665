//! The tables as diesel knows them; the migrations make them, and a test compares both engines.

use diesel::allow_tables_to_appear_in_same_query;

diesel::table! {
    meta (key) {
        key -> Text,
        value -> Text,
    }
}

diesel::table! {
    person (id) {
        id -> Binary,
        tenant -> Text,
        revision -> BigInt,
        state -> Text,
        merged_into -> Nullable<Binary>,
        created_at -> BigInt,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    person_identifier (id) {
        id -> Binary,
        person_id -> Binary,
        scheme -> Text,
        key_version -> BigInt,
        blind_index -> Binary,
    }
}

diesel::table! {
    person_record (person_id) {
        person_id -> Binary,
        revision -> BigInt,
        key_version -> BigInt,
        sealed -> Binary,
    }
}

diesel::table! {
    consent_event (person_id, sequence) {
        person_id -> Binary,
        sequence -> BigInt,
        event_id -> Binary,
        recorded_at -> BigInt,
        sealed -> Binary,
    }
}

diesel::table! {
    audit_log (id) {
        id -> BigInt,
        log -> Text,
        origin -> Text,
        vkey -> Text,
        state -> Text,
        contradiction -> Nullable<Text>,
    }
}

diesel::table! {
    audit_batch (log, node, node_seq) {
        log -> Text,
        node -> Text,
        node_seq -> BigInt,
        n -> BigInt,
        leaf_hashes -> Binary,
        entries -> Binary,
        created_at -> BigInt,
    }
}

diesel::table! {
    audit_queue (log, node, node_seq) {
        log -> Text,
        node -> Text,
        node_seq -> BigInt,
    }
}

diesel::table! {
    audit_place (log_id, start_index) {
        log_id -> BigInt,
        start_index -> BigInt,
        n -> BigInt,
        log -> Text,
        node -> Text,
        node_seq -> BigInt,
    }
}

diesel::table! {
    audit_head (log_id) {
        log_id -> BigInt,
        size -> BigInt,
        root -> Binary,
        edge -> Binary,
        leader -> Nullable<Text>,
        leader_epoch -> BigInt,
    }
}

diesel::table! {
    audit_tile (log_id, level, idx) {
        log_id -> BigInt,
        level -> BigInt,
        idx -> BigInt,
        hashes -> Binary,
    }
}

diesel::table! {
    audit_checkpoint (log_id, size) {
        log_id -> BigInt,
        size -> BigInt,
        note -> Text,
        cosignatures -> Text,
        published_at -> BigInt,
    }
}

diesel::table! {
    audit_private (log, node, node_seq, off) {
        log -> Text,
        node -> Text,
        node_seq -> BigInt,
        off -> BigInt,
        person_id -> Binary,
        key_version -> BigInt,
        sealed -> Binary,
    }
}

diesel::table! {
    audit_bulk (log, node, node_seq, off) {
        log -> Text,
        node -> Text,
        node_seq -> BigInt,
        off -> BigInt,
        line -> Binary,
        n -> BigInt,
        context -> Text,
        entries -> Binary,
        created_at -> BigInt,
    }
}

diesel::table! {
    catalogue_version (sequence) {
        sequence -> BigInt,
        version -> Text,
        content -> Text,
        proposed_by -> Text,
        approved_by -> Nullable<Text>,
        applied_at -> BigInt,
    }
}

diesel::table! {
    oauth_client (client_id) {
        client_id -> Text,
        system -> Text,
        scopes -> Text,
        secrets -> Text,
        jwks -> Nullable<Text>,
        state -> Text,
        created_at -> BigInt,
        changed_at -> BigInt,
    }
}

diesel::table! {
    assertion_used (client_id, jti_hash) {
        client_id -> Text,
        jti_hash -> Binary,
        expires_at -> BigInt,
    }
}

diesel::table! {
    idempotency (client_id, key_hash) {
        client_id -> Text,
        key_hash -> Binary,
        request_hash -> Binary,
        person_id -> Nullable<Binary>,
        status -> BigInt,
        sealed -> Binary,
        created_at -> BigInt,
    }
}

diesel::table! {
    outbox (event_id, kind) {
        event_id -> Binary,
        kind -> Text,
        person_id -> Binary,
        other_id -> Nullable<Binary>,
        revision -> BigInt,
        organisation -> Text,
        purpose -> Nullable<Text>,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    feed_head (id) {
        id -> BigInt,
        oldest -> BigInt,
        next -> BigInt,
    }
}

diesel::table! {
    message (seq) {
        seq -> BigInt,
        event_id -> Binary,
        kind -> Text,
        person_id -> Binary,
        other_id -> Nullable<Binary>,
        organisation -> Text,
        purpose -> Nullable<Text>,
        recorded_at -> BigInt,
        placed_at -> BigInt,
    }
}

diesel::table! {
    webhook_endpoint (id) {
        id -> Binary,
        system -> Text,
        url -> Text,
        secrets -> Text,
        state -> Text,
        why -> Nullable<Text>,
        created_at -> BigInt,
        changed_at -> BigInt,
        failures -> BigInt,
        rests_until -> BigInt,
        lease_node -> Nullable<Text>,
        lease_epoch -> BigInt,
        lease_until -> BigInt,
    }
}

diesel::table! {
    webhook_delivery (endpoint_id, seq) {
        endpoint_id -> Binary,
        seq -> BigInt,
        person_id -> Binary,
        state -> Text,
        attempts -> BigInt,
        since -> BigInt,
        due_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        status -> Nullable<BigInt>,
        why -> Nullable<Text>,
    }
}

diesel::table! {
    rights_request (id) {
        id -> Binary,
        person_id -> Binary,
        organisation -> Text,
        kind -> Text,
        state -> Text,
        revision -> BigInt,
        system -> Text,
        received_at -> BigInt,
        due_at -> BigInt,
        extended_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        assignee -> Nullable<Text>,
    }
}

diesel::table! {
    rights_request_step (request_id, number) {
        request_id -> Binary,
        number -> BigInt,
        step -> Text,
        state -> Text,
        at -> BigInt,
        system -> Text,
        officer -> Nullable<Text>,
    }
}

diesel::table! {
    rights_request_content (request_id, number) {
        request_id -> Binary,
        number -> BigInt,
        person_id -> Binary,
        key_version -> BigInt,
        sealed -> Binary,
    }
}

diesel::table! {
    statistic (organisation, purpose, day, measure) {
        organisation -> Text,
        purpose -> Text,
        day -> BigInt,
        measure -> Text,
        n -> BigInt,
    }
}

diesel::table! {
    erasure (id) {
        id -> Binary,
        person_id -> Binary,
        merged -> Binary,
        organisation -> Text,
        organisations -> Text,
        restricted -> Text,
        ground -> Text,
        rights_request_id -> Nullable<Binary>,
        cooling_days -> BigInt,
        state -> Text,
        officers -> Text,
        refused_ground -> Nullable<Text>,
        refused_until -> Nullable<BigInt>,
        epoch -> Nullable<BigInt>,
        revision -> BigInt,
        proposed_at -> BigInt,
        approved_at -> Nullable<BigInt>,
        due_at -> Nullable<BigInt>,
        erased_at -> Nullable<BigInt>,
        key_deleted_at -> Nullable<BigInt>,
        epoch_destroyed_at -> Nullable<BigInt>,
        completed_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    erasure_entry (erasure_id, entry_id) {
        erasure_id -> Binary,
        entry_id -> Binary,
        log -> Text,
        kind -> Text,
    }
}

diesel::table! {
    erasure_task (id) {
        id -> Binary,
        erasure_id -> Binary,
        system -> Text,
        organisations -> Text,
        state -> Text,
        outcome -> Nullable<Text>,
        kept_ground -> Nullable<Text>,
        kept_until -> Nullable<BigInt>,
        created_at -> BigInt,
        due_at -> BigInt,
        escalated_at -> Nullable<BigInt>,
        acknowledged_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    policy_proposal (id) {
        id -> Binary,
        title -> Text,
        reason -> Text,
        files -> Text,
        files_sha256 -> Text,
        base -> Text,
        plan -> Nullable<Text>,
        state -> Text,
        revision -> BigInt,
        proposed_by -> Text,
        proposer -> Text,
        ended_by -> Nullable<Text>,
        ended_why -> Nullable<Text>,
        applied -> Nullable<Text>,
        created_at -> BigInt,
        proposed_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    contact_report (system, organisation, key_hash) {
        system -> Text,
        organisation -> Text,
        key_hash -> Binary,
        purpose -> Text,
        channel -> Text,
        matched -> Text,
        entry -> Binary,
        occurred_at -> BigInt,
    }
}

diesel::table! {
    suppression (hash, organisation, purpose) {
        hash -> Binary,
        organisation -> Text,
        purpose -> Text,
        since -> BigInt,
    }
}

diesel::table! {
    session (hash) {
        hash -> Binary,
        kind -> Text,
        person_id -> Nullable<Binary>,
        sealed -> Text,
        created_at -> BigInt,
        seen_at -> BigInt,
        ends_at -> BigInt,
    }
}

diesel::table! {
    login_link (hash) {
        hash -> Binary,
        person_id -> Binary,
        sealed -> Text,
        created_at -> BigInt,
        ends_at -> BigInt,
    }
}

diesel::table! {
    mail (id) {
        id -> Binary,
        person_id -> Nullable<Binary>,
        sealed -> Text,
        attempts -> BigInt,
        created_at -> BigInt,
        due_at -> BigInt,
    }
}

diesel::table! {
    #[sql_name = "meta"]
    keystore.keystore_meta (key) {
        key -> Text,
        value -> Text,
    }
}

diesel::table! {
    keystore.tenant_key (name, version) {
        name -> Text,
        version -> BigInt,
        wrapped -> Binary,
        state -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    keystore.epoch_key (epoch) {
        epoch -> BigInt,
        wrapped -> Nullable<Binary>,
        created_at -> BigInt,
        destroyed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    keystore.person_key (person_id, version) {
        person_id -> Binary,
        version -> BigInt,
        epoch -> BigInt,
        wrapped -> Binary,
        kcv -> Binary,
    }
}

allow_tables_to_appear_in_same_query!(person_identifier, person, person_record, person_key);
allow_tables_to_appear_in_same_query!(audit_queue, audit_place, audit_batch, audit_private);
allow_tables_to_appear_in_same_query!(webhook_delivery, message);

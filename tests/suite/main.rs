//! Akkoord tested from outside: over HTTP and the command line, on both database engines, and the gates that keep the
//! house in order. One binary, so that it links once and all tests share one PostgreSQL cluster.

// Every module is `cfg(test)`, which is always true here: it tells clippy that helpers are test code too.
#[cfg(test)]
#[macro_use]
mod support;

#[cfg(test)]
mod access_attacks;
#[cfg(test)]
mod access_clients;
#[cfg(test)]
mod access_issuers;
#[cfg(test)]
mod access_token_endpoint;
#[cfg(test)]
mod api_bad_input;
#[cfg(test)]
mod api_choices;
#[cfg(test)]
mod api_document;
#[cfg(test)]
mod audit_broken;
#[cfg(test)]
mod audit_by_hand;
#[cfg(test)]
mod audit_exports;
#[cfg(test)]
mod audit_million;
#[cfg(test)]
mod authorization;
#[cfg(test)]
mod authzen_search;
#[cfg(test)]
mod bulk_http;
#[cfg(test)]
mod bulk_same;
#[cfg(test)]
mod bulk_search;
#[cfg(test)]
mod cli_audit;
#[cfg(test)]
mod cli_check;
#[cfg(test)]
mod cli_client;
#[cfg(test)]
mod cli_config;
#[cfg(test)]
mod cli_help;
#[cfg(test)]
mod cli_keys;
#[cfg(test)]
mod cli_serve;
#[cfg(test)]
mod cli_telemetry;
#[cfg(test)]
mod console_access;
#[cfg(test)]
mod console_counted;
#[cfg(test)]
mod console_figures;
#[cfg(test)]
mod console_looks;
#[cfg(test)]
mod console_million;
#[cfg(test)]
mod console_pages;
#[cfg(test)]
mod console_paper;
#[cfg(test)]
mod console_walk;
#[cfg(test)]
mod contact_reports;
#[cfg(test)]
mod decision_matrix;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod demo_walk_member;
#[cfg(test)]
mod dependencies;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod erasures;
#[cfg(test)]
mod erasures_killed;
#[cfg(test)]
mod family;
#[cfg(test)]
mod family_pages;
#[cfg(test)]
mod house;
#[cfg(test)]
mod key_epochs;
#[cfg(test)]
mod law;
#[cfg(test)]
mod login;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod policy_plan;
#[cfg(test)]
mod portal_member;
#[cfg(test)]
mod portal_security;
#[cfg(test)]
mod portal_told;
#[cfg(test)]
mod portal_walks;
#[cfg(test)]
mod promises_canaries;
#[cfg(test)]
mod promises_door;
#[cfg(test)]
mod promises_input;
#[cfg(test)]
mod promises_killed;
#[cfg(test)]
mod promises_once;
#[cfg(test)]
mod promises_outage;
#[cfg(test)]
mod promises_remembered;
#[cfg(test)]
mod promises_withdrawn;
#[cfg(test)]
mod propagation_feed;
#[cfg(test)]
mod propagation_figures;
#[cfg(test)]
mod propagation_killed;
#[cfg(test)]
mod propagation_stops;
#[cfg(test)]
mod propagation_webhooks;
#[cfg(test)]
mod proposals;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod restore_drill;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod rights_package;
#[cfg(test)]
mod rights_requests;
#[cfg(test)]
mod rights_walk;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod sequence_http;
#[cfg(test)]
mod sequence_rows;
#[cfg(test)]
mod sequence_service;
#[cfg(test)]
mod sequence_years;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod signing_keys;
#[cfg(test)]
mod store_acts;
#[cfg(test)]
mod store_open;
#[cfg(test)]
mod store_people;
#[cfg(test)]
mod store_postgres;
#[cfg(test)]
mod store_rows;
#[cfg(test)]
mod store_schema;
#[cfg(test)]
mod store_transactions;
#[cfg(test)]
mod test_subjects;
#[cfg(test)]
mod upkeep;
#[cfg(test)]
mod witnesses;

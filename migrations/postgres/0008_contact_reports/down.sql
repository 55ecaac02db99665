DROP INDEX audit_bulk_by_time;
DROP TABLE contact_report;

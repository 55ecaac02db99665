DROP TABLE audit_bulk;

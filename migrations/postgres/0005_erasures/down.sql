DROP TABLE suppression;
DROP TABLE erasure_task;
DROP TABLE erasure_entry;
DROP TABLE erasure;

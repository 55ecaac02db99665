DROP TABLE rights_request_content;
DROP TABLE rights_request_step;
DROP TABLE rights_request;

DROP TABLE mail;
DROP TABLE login_link;
DROP TABLE session;

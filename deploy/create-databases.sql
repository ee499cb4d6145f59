-- Two databases, two roles: Airflow never sees ours (docs/decisions/0004). Set the passwords with
-- \password afterwards, or by your own means; docs/application_role.sql narrows what edi834 may do.
CREATE ROLE airflow LOGIN;
CREATE DATABASE airflow OWNER airflow;
CREATE ROLE edi834 LOGIN;
CREATE DATABASE edi834 OWNER edi834;
REVOKE CONNECT ON DATABASE airflow, edi834 FROM PUBLIC;

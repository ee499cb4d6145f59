-- The comparison of `schemas/rules/reconciliation.toml`, as one would write it by hand for DuckDB:
-- keys and a hash of each row are joined first, and whole rows only where the hashes differ; then a
-- column for each field says whether its values agree, and each that does not is a row. It counts
-- nothing, proves nothing and takes keys to be unique.
COPY (
WITH book AS (
  SELECT exchange_policy_id, exchange_member_id, hash(
    exchange_subscriber_id, issuer_policy_id, issuer_subscriber_id, issuer_member_id, relationship_code,
    last_name, first_name, middle_name, name_suffix, birth_date, gender_code, ssn, address_line_1,
    address_line_2, city, state, postal_code, county_code, mailing_line_1, mailing_line_2, mailing_city,
    mailing_state, mailing_postal_code, phone, email, tobacco_code, plan_id, insurance_line,
    benefit_begin, benefit_end, premium_total, aptc, csr, responsible_amount, individual_premium) AS bits
  FROM read_parquet('{book}')
), carrier AS (
  SELECT exchange_policy_id, exchange_member_id, hash(
    exchange_subscriber_id, issuer_policy_id, issuer_subscriber_id, issuer_member_id, relationship_code,
    last_name, first_name, middle_name, name_suffix, birth_date, gender_code, ssn, address_line_1,
    address_line_2, city, state, postal_code, county_code, mailing_line_1, mailing_line_2, mailing_city,
    mailing_state, mailing_postal_code, phone, email, tobacco_code, plan_id, insurance_line,
    benefit_begin, benefit_end, premium_total, aptc, csr, responsible_amount, individual_premium) AS bits
  FROM read_parquet('{carrier}')
), changed AS MATERIALIZED (
  SELECT coalesce(b.exchange_policy_id, c.exchange_policy_id) AS exchange_policy_id,
    coalesce(b.exchange_member_id, c.exchange_member_id) AS exchange_member_id
  FROM book AS b FULL JOIN carrier AS c USING (exchange_policy_id, exchange_member_id)
  WHERE b.bits IS DISTINCT FROM c.bits
), pairs AS (
  SELECT
    coalesce(b.exchange_policy_id, c.exchange_policy_id) AS exchange_policy_id,
    coalesce(b.exchange_member_id, c.exchange_member_id) AS exchange_member_id,
    b.exchange_member_id IS NULL AS missing_in_book,
    c.exchange_member_id IS NULL AS missing_at_carrier,
    b.policy_status, b.file_id,
    b.exchange_subscriber_id AS b_exchange_subscriber_id, c.exchange_subscriber_id AS c_exchange_subscriber_id,
    b.exchange_subscriber_id IS NOT DISTINCT FROM c.exchange_subscriber_id AS same_exchange_subscriber_id,
    b.issuer_policy_id AS b_issuer_policy_id, c.issuer_policy_id AS c_issuer_policy_id,
    (b.issuer_policy_id IS NULL OR b.issuer_policy_id IS NOT DISTINCT FROM c.issuer_policy_id) AS same_issuer_policy_id,
    b.issuer_subscriber_id AS b_issuer_subscriber_id, c.issuer_subscriber_id AS c_issuer_subscriber_id,
    (b.issuer_subscriber_id IS NULL OR b.issuer_subscriber_id IS NOT DISTINCT FROM c.issuer_subscriber_id) AS same_issuer_subscriber_id,
    b.issuer_member_id AS b_issuer_member_id, c.issuer_member_id AS c_issuer_member_id,
    (b.issuer_member_id IS NULL OR b.issuer_member_id IS NOT DISTINCT FROM c.issuer_member_id) AS same_issuer_member_id,
    b.relationship_code AS b_relationship_code, c.relationship_code AS c_relationship_code,
    b.relationship_code IS NOT DISTINCT FROM c.relationship_code AS same_relationship_code,
    b.last_name AS b_last_name, c.last_name AS c_last_name,
    (coalesce(b.last_name = c.last_name, FALSE) OR nullif(regexp_replace(upper(b.last_name), '[^\p{L}\p{N}]', '', 'g'), '') IS NOT DISTINCT FROM nullif(regexp_replace(upper(c.last_name), '[^\p{L}\p{N}]', '', 'g'), '')) AS same_last_name,
    b.first_name AS b_first_name, c.first_name AS c_first_name,
    (coalesce(b.first_name = c.first_name, FALSE) OR nullif(regexp_replace(upper(b.first_name), '[^\p{L}\p{N}]', '', 'g'), '') IS NOT DISTINCT FROM nullif(regexp_replace(upper(c.first_name), '[^\p{L}\p{N}]', '', 'g'), '')) AS same_first_name,
    b.middle_name AS b_middle_name, c.middle_name AS c_middle_name,
    (b.middle_name IS NULL OR (coalesce(b.middle_name = c.middle_name, FALSE) OR nullif(regexp_replace(upper(b.middle_name), '[^\p{L}\p{N}]', '', 'g'), '') IS NOT DISTINCT FROM nullif(regexp_replace(upper(c.middle_name), '[^\p{L}\p{N}]', '', 'g'), ''))) AS same_middle_name,
    b.name_suffix AS b_name_suffix, c.name_suffix AS c_name_suffix,
    (b.name_suffix IS NULL OR (coalesce(b.name_suffix = c.name_suffix, FALSE) OR nullif(regexp_replace(upper(b.name_suffix), '[^\p{L}\p{N}]', '', 'g'), '') IS NOT DISTINCT FROM nullif(regexp_replace(upper(c.name_suffix), '[^\p{L}\p{N}]', '', 'g'), ''))) AS same_name_suffix,
    b.birth_date AS b_birth_date, c.birth_date AS c_birth_date,
    b.birth_date IS NOT DISTINCT FROM c.birth_date AS same_birth_date,
    b.gender_code AS b_gender_code, c.gender_code AS c_gender_code,
    b.gender_code IS NOT DISTINCT FROM c.gender_code AS same_gender_code,
    b.ssn AS b_ssn, c.ssn AS c_ssn,
    (b.ssn IS NULL OR (coalesce(b.ssn = c.ssn, FALSE) OR nullif(regexp_replace(b.ssn, '[^0-9]', '', 'g'), '') IS NOT DISTINCT FROM nullif(regexp_replace(c.ssn, '[^0-9]', '', 'g'), ''))) AS same_ssn,
    b.address_line_1 AS b_address_line_1, c.address_line_1 AS c_address_line_1,
    (coalesce(b.address_line_1 = c.address_line_1, FALSE) OR nullif(regexp_replace(upper(b.address_line_1), '[^\p{L}\p{N}]', '', 'g'), '') IS NOT DISTINCT FROM nullif(regexp_replace(upper(c.address_line_1), '[^\p{L}\p{N}]', '', 'g'), '')) AS same_address_line_1,
    b.address_line_2 AS b_address_line_2, c.address_line_2 AS c_address_line_2,
    (coalesce(b.address_line_2 = c.address_line_2, FALSE) OR nullif(regexp_replace(upper(b.address_line_2), '[^\p{L}\p{N}]', '', 'g'), '') IS NOT DISTINCT FROM nullif(regexp_replace(upper(c.address_line_2), '[^\p{L}\p{N}]', '', 'g'), '')) AS same_address_line_2,
    b.city AS b_city, c.city AS c_city,
    (coalesce(b.city = c.city, FALSE) OR nullif(regexp_replace(upper(b.city), '[^\p{L}\p{N}]', '', 'g'), '') IS NOT DISTINCT FROM nullif(regexp_replace(upper(c.city), '[^\p{L}\p{N}]', '', 'g'), '')) AS same_city,
    b.state AS b_state, c.state AS c_state,
    upper(b.state) IS NOT DISTINCT FROM upper(c.state) AS same_state,
    b.postal_code AS b_postal_code, c.postal_code AS c_postal_code,
    (coalesce(b.postal_code = c.postal_code, FALSE) OR substr(nullif(regexp_replace(b.postal_code, '[^0-9]', '', 'g'), ''), 1, 5) IS NOT DISTINCT FROM substr(nullif(regexp_replace(c.postal_code, '[^0-9]', '', 'g'), ''), 1, 5)) AS same_postal_code,
    b.county_code AS b_county_code, c.county_code AS c_county_code,
    b.county_code IS NOT DISTINCT FROM c.county_code AS same_county_code,
    b.mailing_line_1 AS b_mailing_line_1, c.mailing_line_1 AS c_mailing_line_1,
    (coalesce(CASE WHEN b.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN b.address_line_1 ELSE b.mailing_line_1 END = CASE WHEN c.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN c.address_line_1 ELSE c.mailing_line_1 END, FALSE) OR nullif(regexp_replace(upper(CASE WHEN b.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN b.address_line_1 ELSE b.mailing_line_1 END), '[^\p{L}\p{N}]', '', 'g'), '') IS NOT DISTINCT FROM nullif(regexp_replace(upper(CASE WHEN c.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN c.address_line_1 ELSE c.mailing_line_1 END), '[^\p{L}\p{N}]', '', 'g'), '')) AS same_mailing_line_1,
    b.mailing_line_2 AS b_mailing_line_2, c.mailing_line_2 AS c_mailing_line_2,
    (coalesce(CASE WHEN b.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN b.address_line_2 ELSE b.mailing_line_2 END = CASE WHEN c.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN c.address_line_2 ELSE c.mailing_line_2 END, FALSE) OR nullif(regexp_replace(upper(CASE WHEN b.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN b.address_line_2 ELSE b.mailing_line_2 END), '[^\p{L}\p{N}]', '', 'g'), '') IS NOT DISTINCT FROM nullif(regexp_replace(upper(CASE WHEN c.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN c.address_line_2 ELSE c.mailing_line_2 END), '[^\p{L}\p{N}]', '', 'g'), '')) AS same_mailing_line_2,
    b.mailing_city AS b_mailing_city, c.mailing_city AS c_mailing_city,
    (coalesce(CASE WHEN b.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN b.city ELSE b.mailing_city END = CASE WHEN c.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN c.city ELSE c.mailing_city END, FALSE) OR nullif(regexp_replace(upper(CASE WHEN b.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN b.city ELSE b.mailing_city END), '[^\p{L}\p{N}]', '', 'g'), '') IS NOT DISTINCT FROM nullif(regexp_replace(upper(CASE WHEN c.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN c.city ELSE c.mailing_city END), '[^\p{L}\p{N}]', '', 'g'), '')) AS same_mailing_city,
    b.mailing_state AS b_mailing_state, c.mailing_state AS c_mailing_state,
    upper(CASE WHEN b.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN b.state ELSE b.mailing_state END) IS NOT DISTINCT FROM upper(CASE WHEN c.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN c.state ELSE c.mailing_state END) AS same_mailing_state,
    b.mailing_postal_code AS b_mailing_postal_code, c.mailing_postal_code AS c_mailing_postal_code,
    (coalesce(CASE WHEN b.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN b.postal_code ELSE b.mailing_postal_code END = CASE WHEN c.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN c.postal_code ELSE c.mailing_postal_code END, FALSE) OR substr(nullif(regexp_replace(CASE WHEN b.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN b.postal_code ELSE b.mailing_postal_code END, '[^0-9]', '', 'g'), ''), 1, 5) IS NOT DISTINCT FROM substr(nullif(regexp_replace(CASE WHEN c.mailing_line_1 IS NULL AND (b.mailing_line_1 IS NULL) <> (c.mailing_line_1 IS NULL) THEN c.postal_code ELSE c.mailing_postal_code END, '[^0-9]', '', 'g'), ''), 1, 5)) AS same_mailing_postal_code,
    b.phone AS b_phone, c.phone AS c_phone,
    (b.phone IS NULL OR (coalesce(b.phone = c.phone, FALSE) OR nullif(regexp_replace(b.phone, '[^0-9]', '', 'g'), '') IS NOT DISTINCT FROM nullif(regexp_replace(c.phone, '[^0-9]', '', 'g'), ''))) AS same_phone,
    b.email AS b_email, c.email AS c_email,
    (b.email IS NULL OR upper(b.email) IS NOT DISTINCT FROM upper(c.email)) AS same_email,
    b.tobacco_code AS b_tobacco_code, c.tobacco_code AS c_tobacco_code,
    (b.tobacco_code IS NULL OR b.tobacco_code IS NOT DISTINCT FROM c.tobacco_code) AS same_tobacco_code,
    b.plan_id AS b_plan_id, c.plan_id AS c_plan_id,
    b.plan_id IS NOT DISTINCT FROM c.plan_id AS same_plan_id,
    b.insurance_line AS b_insurance_line, c.insurance_line AS c_insurance_line,
    b.insurance_line IS NOT DISTINCT FROM c.insurance_line AS same_insurance_line,
    b.benefit_begin AS b_benefit_begin, c.benefit_begin AS c_benefit_begin,
    b.benefit_begin IS NOT DISTINCT FROM c.benefit_begin AS same_benefit_begin,
    b.benefit_end AS b_benefit_end, c.benefit_end AS c_benefit_end,
    coalesce(b.benefit_end, make_date(year(b.benefit_begin), 12, 31)) IS NOT DISTINCT FROM coalesce(c.benefit_end, make_date(year(c.benefit_begin), 12, 31)) AS same_benefit_end,
    b.premium_total AS b_premium_total, c.premium_total AS c_premium_total,
    (NOT b.is_subscriber OR coalesce(abs(b.premium_total - c.premium_total) <= 0.01, b.premium_total IS NOT DISTINCT FROM c.premium_total)) AS same_premium_total,
    b.aptc AS b_aptc, c.aptc AS c_aptc,
    (NOT b.is_subscriber OR coalesce(abs(coalesce(b.aptc, 0) - coalesce(c.aptc, 0)) <= 0.01, coalesce(b.aptc, 0) IS NOT DISTINCT FROM coalesce(c.aptc, 0))) AS same_aptc,
    b.csr AS b_csr, c.csr AS c_csr,
    (NOT b.is_subscriber OR coalesce(abs(coalesce(b.csr, 0) - coalesce(c.csr, 0)) <= 0.01, coalesce(b.csr, 0) IS NOT DISTINCT FROM coalesce(c.csr, 0))) AS same_csr,
    b.responsible_amount AS b_responsible_amount, c.responsible_amount AS c_responsible_amount,
    (NOT b.is_subscriber OR coalesce(abs(b.responsible_amount - c.responsible_amount) <= 0.01, b.responsible_amount IS NOT DISTINCT FROM c.responsible_amount)) AS same_responsible_amount,
    b.individual_premium AS b_individual_premium, c.individual_premium AS c_individual_premium,
    coalesce(abs(b.individual_premium - c.individual_premium) <= 0.01, b.individual_premium IS NOT DISTINCT FROM c.individual_premium) AS same_individual_premium
  FROM (FROM read_parquet('{book}') SEMI JOIN changed USING (exchange_policy_id, exchange_member_id)) AS b
  FULL JOIN (FROM read_parquet('{carrier}') SEMI JOIN changed USING (exchange_policy_id, exchange_member_id)) AS c
    ON b.exchange_policy_id = c.exchange_policy_id
    AND b.exchange_member_id = c.exchange_member_id
), unlike AS MATERIALIZED (
  SELECT * FROM pairs WHERE missing_in_book OR missing_at_carrier
    OR NOT (same_exchange_subscriber_id
      AND same_issuer_policy_id
      AND same_issuer_subscriber_id
      AND same_issuer_member_id
      AND same_relationship_code
      AND same_last_name
      AND same_first_name
      AND same_middle_name
      AND same_name_suffix
      AND same_birth_date
      AND same_gender_code
      AND same_ssn
      AND same_address_line_1
      AND same_address_line_2
      AND same_city
      AND same_state
      AND same_postal_code
      AND same_county_code
      AND same_mailing_line_1
      AND same_mailing_line_2
      AND same_mailing_city
      AND same_mailing_state
      AND same_mailing_postal_code
      AND same_phone
      AND same_email
      AND same_tobacco_code
      AND same_plan_id
      AND same_insurance_line
      AND same_benefit_begin
      AND same_benefit_end
      AND same_premium_total
      AND same_aptc
      AND same_csr
      AND same_responsible_amount
      AND same_individual_premium)
)
SELECT 'missing_in_book' AS kind, exchange_policy_id, exchange_member_id, 0 AS place,
  NULL AS field, NULL AS book_value, NULL AS carrier_value, file_id
FROM unlike WHERE missing_in_book
UNION ALL SELECT 'missing_at_carrier', exchange_policy_id, exchange_member_id, 0, NULL, NULL, NULL, file_id
FROM unlike WHERE missing_at_carrier AND policy_status <> 'cancelled'
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 1, 'exchange_subscriber_id', CAST(b_exchange_subscriber_id AS VARCHAR), CAST(c_exchange_subscriber_id AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_exchange_subscriber_id
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 2, 'issuer_policy_id', CAST(b_issuer_policy_id AS VARCHAR), CAST(c_issuer_policy_id AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_issuer_policy_id
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 3, 'issuer_subscriber_id', CAST(b_issuer_subscriber_id AS VARCHAR), CAST(c_issuer_subscriber_id AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_issuer_subscriber_id
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 4, 'issuer_member_id', CAST(b_issuer_member_id AS VARCHAR), CAST(c_issuer_member_id AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_issuer_member_id
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 5, 'relationship_code', CAST(b_relationship_code AS VARCHAR), CAST(c_relationship_code AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_relationship_code
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 6, 'last_name', CAST(b_last_name AS VARCHAR), CAST(c_last_name AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_last_name
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 7, 'first_name', CAST(b_first_name AS VARCHAR), CAST(c_first_name AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_first_name
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 8, 'middle_name', CAST(b_middle_name AS VARCHAR), CAST(c_middle_name AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_middle_name
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 9, 'name_suffix', CAST(b_name_suffix AS VARCHAR), CAST(c_name_suffix AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_name_suffix
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 10, 'birth_date', CAST(b_birth_date AS VARCHAR), CAST(c_birth_date AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_birth_date
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 11, 'gender_code', CAST(b_gender_code AS VARCHAR), CAST(c_gender_code AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_gender_code
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 12, 'ssn', CAST(b_ssn AS VARCHAR), CAST(c_ssn AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_ssn
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 13, 'address_line_1', CAST(b_address_line_1 AS VARCHAR), CAST(c_address_line_1 AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_address_line_1
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 14, 'address_line_2', CAST(b_address_line_2 AS VARCHAR), CAST(c_address_line_2 AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_address_line_2
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 15, 'city', CAST(b_city AS VARCHAR), CAST(c_city AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_city
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 16, 'state', CAST(b_state AS VARCHAR), CAST(c_state AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_state
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 17, 'postal_code', CAST(b_postal_code AS VARCHAR), CAST(c_postal_code AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_postal_code
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 18, 'county_code', CAST(b_county_code AS VARCHAR), CAST(c_county_code AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_county_code
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 19, 'mailing_line_1', CAST(b_mailing_line_1 AS VARCHAR), CAST(c_mailing_line_1 AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_mailing_line_1
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 20, 'mailing_line_2', CAST(b_mailing_line_2 AS VARCHAR), CAST(c_mailing_line_2 AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_mailing_line_2
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 21, 'mailing_city', CAST(b_mailing_city AS VARCHAR), CAST(c_mailing_city AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_mailing_city
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 22, 'mailing_state', CAST(b_mailing_state AS VARCHAR), CAST(c_mailing_state AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_mailing_state
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 23, 'mailing_postal_code', CAST(b_mailing_postal_code AS VARCHAR), CAST(c_mailing_postal_code AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_mailing_postal_code
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 24, 'phone', CAST(b_phone AS VARCHAR), CAST(c_phone AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_phone
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 25, 'email', CAST(b_email AS VARCHAR), CAST(c_email AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_email
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 26, 'tobacco_code', CAST(b_tobacco_code AS VARCHAR), CAST(c_tobacco_code AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_tobacco_code
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 27, 'plan_id', CAST(b_plan_id AS VARCHAR), CAST(c_plan_id AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_plan_id
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 28, 'insurance_line', CAST(b_insurance_line AS VARCHAR), CAST(c_insurance_line AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_insurance_line
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 29, 'benefit_begin', CAST(b_benefit_begin AS VARCHAR), CAST(c_benefit_begin AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_benefit_begin
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 30, 'benefit_end', CAST(b_benefit_end AS VARCHAR), CAST(c_benefit_end AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_benefit_end
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 31, 'premium_total', CAST(b_premium_total AS VARCHAR), CAST(c_premium_total AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_premium_total
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 32, 'aptc', CAST(b_aptc AS VARCHAR), CAST(c_aptc AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_aptc
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 33, 'csr', CAST(b_csr AS VARCHAR), CAST(c_csr AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_csr
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 34, 'responsible_amount', CAST(b_responsible_amount AS VARCHAR), CAST(c_responsible_amount AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_responsible_amount
UNION ALL SELECT 'differs', exchange_policy_id, exchange_member_id, 35, 'individual_premium', CAST(b_individual_premium AS VARCHAR), CAST(c_individual_premium AS VARCHAR), file_id
FROM unlike WHERE NOT missing_in_book AND NOT missing_at_carrier AND NOT same_individual_premium
ORDER BY exchange_policy_id, exchange_member_id, place
) TO '{out}' (FORMAT parquet, COMPRESSION zstd)

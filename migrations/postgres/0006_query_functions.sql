-- Functions for the conditions of lists. SQLite is given those of the same names by the program; both give NULL for
-- NULL. None is STRICT, so that most can be inlined.

-- A number as the query language has it: 28 digits at most, and as many after the point; else NULL.
CREATE FUNCTION liaison_fit(it numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN scale(trim_scale(it)) <= 28
            AND length(ltrim(replace(abs(trim_scale(it))::text, '.', ''), '0')) <= 28 THEN trim_scale(it)
    END
$$;

CREATE FUNCTION liaison_number(it text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT liaison_fit(it::numeric)
$$;

CREATE FUNCTION liaison_add(one numeric, other numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT liaison_fit(one + other)
$$;

CREATE FUNCTION liaison_subtract(one numeric, other numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT liaison_fit(one - other)
$$;

CREATE FUNCTION liaison_multiply(one numeric, other numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT liaison_fit(one * other)
$$;

-- To 12 digits after the point, half away from zero. The operator / rounds earlier for large numbers.
CREATE FUNCTION liaison_divide(one numeric, other numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT liaison_fit((cut.quotient + CASE
        WHEN 2 * abs(one * 1000000000000 - cut.quotient * other) >= abs(other) THEN sign(one) * sign(other)
        ELSE 0
    END) * 0.000000000001)
    FROM (SELECT div(one * 1000000000000, NULLIF(other, 0)) AS quotient) cut
$$;

CREATE FUNCTION liaison_divide_whole(one numeric, other numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT liaison_fit(div(one, NULLIF(other, 0)))
$$;

CREATE FUNCTION liaison_modulo(one numeric, other numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT liaison_fit(mod(one, NULLIF(other, 0)))
$$;

CREATE FUNCTION liaison_round(it numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round(it)
$$;

CREATE FUNCTION liaison_floor(it numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT floor(it)
$$;

CREATE FUNCTION liaison_ceiling(it numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ceil(it)
$$;

-- By Unicode, whatever the locale of the database.
CREATE FUNCTION liaison_lower(it text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(it COLLATE "und-x-icu")
$$;

CREATE FUNCTION liaison_upper(it text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT upper(it COLLATE "und-x-icu")
$$;

-- The characters with the property White_Space.
CREATE FUNCTION liaison_trim(it text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT btrim(it, U&'\0009\000A\000B\000C\000D\0020\0085\00A0\1680\2000\2001\2002\2003\2004\2005\2006\2007\2008\2009\200A\2028\2029\202F\205F\3000')
$$;

CREATE FUNCTION liaison_starts_with(it text, start text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT starts_with(it, start)
$$;

CREATE FUNCTION liaison_ends_with(it text, ending text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT right(it, length(ending)) = ending
$$;

-- Counts characters from 0. What is below 0 counts as 0, and no text has 1000000000.
CREATE FUNCTION liaison_count(it numeric) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN it < 0 THEN 0 WHEN it > 1000000000 THEN 1000000000 ELSE it::integer END
$$;

CREATE FUNCTION liaison_substring(it text, start numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT substr(it, liaison_count(start) + 1)
$$;

CREATE FUNCTION liaison_substring(it text, start numeric, count numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT substr(it, liaison_count(start) + 1, liaison_count(count))
$$;

CREATE FUNCTION liaison_guid(it text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN it ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' THEN it::uuid
    END
$$;

-- Ticks of 100 ns since 1970 of a moment as documents hold it: 2018-10-30T21:03:42.4579542Z.
CREATE FUNCTION liaison_ticks(it text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (make_date(substr(it, 1, 4)::integer, substr(it, 6, 2)::integer, substr(it, 9, 2)::integer)
            - DATE '1970-01-01')::bigint * 864000000000
        + substr(it, 12, 2)::bigint * 36000000000
        + substr(it, 15, 2)::bigint * 600000000
        + substr(it, 18, 2)::bigint * 10000000
        + rpad(rtrim(substr(it, 21), 'Z'), 7, '0')::bigint
$$;

-- Of days since 1970.
CREATE FUNCTION liaison_year(days bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT extract(year FROM DATE '1970-01-01' + days::integer)::bigint
$$;

CREATE FUNCTION liaison_month(days bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT extract(month FROM DATE '1970-01-01' + days::integer)::bigint
$$;

CREATE FUNCTION liaison_day(days bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT extract(day FROM DATE '1970-01-01' + days::integer)::bigint
$$;

-- Moments run from year 1 to 9999, spans as far as 64 bits go; else NULL.
CREATE FUNCTION liaison_moment(ticks numeric) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN ticks BETWEEN -621355968000000000 AND 2534023007999999999 THEN ticks::bigint END
$$;

CREATE FUNCTION liaison_span(ticks numeric) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN ticks BETWEEN -9223372036854775808 AND 9223372036854775807 THEN ticks::bigint END
$$;

CREATE FUNCTION liaison_moment_add(one bigint, other bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT liaison_moment(one::numeric + other)
$$;

CREATE FUNCTION liaison_moment_subtract(one bigint, other bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT liaison_moment(one::numeric - other)
$$;

CREATE FUNCTION liaison_span_add(one bigint, other bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT liaison_span(one::numeric + other)
$$;

CREATE FUNCTION liaison_span_subtract(one bigint, other bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT liaison_span(one::numeric - other)
$$;

CREATE FUNCTION liaison_date_add(days bigint, span bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN days + span / 864000000000 BETWEEN -719162 AND 2932896 THEN days + span / 864000000000
    END
$$;

CREATE FUNCTION liaison_date_subtract(days bigint, span bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN days - span / 864000000000 BETWEEN -719162 AND 2932896 THEN days - span / 864000000000
    END
$$;

CREATE FUNCTION liaison_days_between(one bigint, other bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (one - other) * 864000000000
$$;

-- What `cast` gives. What is not written like a value of the type is NULL.
CREATE FUNCTION liaison_boolean(it text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE lower(it COLLATE "C") WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END
$$;

CREATE FUNCTION liaison_decimal(it text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN it !~ '^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$' THEN NULL
        WHEN it ~ '^[+-]?[0.]+([eE].*)?$' THEN 0
        -- Numbers with such exponents do not fit, and numeric would refuse some.
        WHEN it ~ '[eE][+-]?0*[1-9][0-9]{3,}$' THEN NULL
        ELSE liaison_fit(it::numeric)
    END
$$;

CREATE FUNCTION liaison_whole(it text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN trunc(read.number) = read.number THEN liaison_span(read.number) END
    FROM (SELECT liaison_decimal(it) AS number) read
$$;

CREATE FUNCTION liaison_trunc(it numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT trunc(it)
$$;

CREATE FUNCTION liaison_date(it text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- The 31st of a shorter month is a day of the next one.
    SELECT CASE WHEN to_char(read.day, 'MM') = substr(it, 6, 2) THEN (read.day - DATE '1970-01-01')::bigint END
    FROM (
        SELECT CASE
            WHEN it ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' AND it !~ '^0000'
            THEN make_date(substr(it, 1, 4)::integer, substr(it, 6, 2)::integer, 1)
                + (substr(it, 9, 2)::integer - 1)
        END AS day) read
$$;

CREATE FUNCTION liaison_moment_of(it text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN substr(it, 11) ~ '^[Tt]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,12})?)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$'
        THEN liaison_moment(liaison_date(substr(it, 1, 10))::numeric * 864000000000
            + substr(it, 12, 2)::bigint * 36000000000
            + substr(it, 15, 2)::bigint * 600000000
            + COALESCE(substring(it FROM '^.{16}:([0-9]{2})'), '0')::bigint * 10000000
            + rpad(left(COALESCE(substring(it FROM '\.([0-9]+)'), ''), 7), 7, '0')::bigint
            - COALESCE(substring(it FROM '([+-][0-9]{2}):[0-9]{2}$'), '0')::bigint * 36000000000
            - (COALESCE(substring(it FROM '([+-])[0-9]{2}:[0-9]{2}$'), '')
                || COALESCE(substring(it FROM '[+-][0-9]{2}:([0-9]{2})$'), '0'))::bigint * 600000000)
    END
$$;

CREATE FUNCTION liaison_boolean_text(it boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT it::text
$$;

CREATE FUNCTION liaison_guid_text(it uuid) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT it::text
$$;

CREATE FUNCTION liaison_date_text(days bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_char(DATE '1970-01-01' + days::integer, 'YYYY-MM-DD')
$$;

-- The part below a second, such as .5; nothing if there is none.
CREATE FUNCTION liaison_fraction_text(ticks numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN ticks % 10000000 = 0 THEN ''
        ELSE '.' || rtrim(lpad((ticks % 10000000)::text, 7, '0'), '0')
    END
$$;

CREATE FUNCTION liaison_time_text(ticks bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lpad((ticks / 36000000000)::text, 2, '0')
        || ':' || lpad((ticks / 600000000 % 60)::text, 2, '0')
        || ':' || lpad((ticks / 10000000 % 60)::text, 2, '0')
        || liaison_fraction_text(ticks)
$$;

CREATE FUNCTION liaison_moment_text(ticks bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT liaison_date_text((ticks + 621355968000000000) / 864000000000 - 719162)
        || 'T' || liaison_time_text((ticks + 621355968000000000) % 864000000000) || 'Z'
$$;

-- Such as -P1DT2H3M4.5S; none is PT0S.
CREATE FUNCTION liaison_span_text(ticks bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN ticks < 0 THEN '-P' ELSE 'P' END
        || CASE WHEN span.days > 0 THEN span.days || 'D' ELSE '' END
        || CASE WHEN span.rest > 0 OR ticks = 0 THEN 'T' ELSE '' END
        || CASE WHEN div(span.rest, 36000000000) > 0 THEN div(span.rest, 36000000000) || 'H' ELSE '' END
        || CASE
            WHEN div(span.rest, 600000000) % 60 > 0 THEN div(span.rest, 600000000) % 60 || 'M'
            ELSE ''
        END
        || CASE
            WHEN span.rest % 600000000 > 0 OR ticks = 0
            THEN div(span.rest, 10000000) % 60 || liaison_fraction_text(span.rest) || 'S'
            ELSE ''
        END
    FROM (
        SELECT div(abs(ticks::numeric), 864000000000) AS days, abs(ticks::numeric) % 864000000000 AS rest) span
    WHERE ticks IS NOT NULL
$$;

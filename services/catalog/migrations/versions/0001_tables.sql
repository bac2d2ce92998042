CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;

-- What search compares: small letters and digits in words of one space between. Accents go; dotted and dotless i are one; letters of Arabic
-- that are often written for each other become one Latin letter (أإآ/ا, ة/ه, ى/ي, ت/ط …), so that trigrams work where the locale knows only ASCII.
-- unaccent() is only STABLE because its dictionary could be changed; ours never is.
CREATE FUNCTION fold(given text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
SELECT btrim(regexp_replace(
    public.unaccent('public.unaccent', lower(translate(
        regexp_replace(normalize(given, NFKC), U&'[\0610-\061A\0621\0640\064B-\065F\0670]', '', 'g'),
        'İIıأإآٱاؤوئىيیةهحتطثسصدضذزظكکقفبپجچژشخعغلمنرگ٠١٢٣٤٥٦٧٨٩',
        'iiiaaaaawwyyyyhhhttsssddzzzkkqfbpjcjcxeglmnrg0123456789') COLLATE pg_c_utf8)),
    '[^[:alnum:]]+' COLLATE pg_c_utf8, ' ', 'g'))
$$;

CREATE TABLE specialties (
    slug text NOT NULL,
    name jsonb NOT NULL,
    practitioner jsonb NOT NULL,
    operates boolean NOT NULL,
    sample boolean NOT NULL,
    provenance jsonb,
    CONSTRAINT specialties_pkey PRIMARY KEY (slug)
);

CREATE TABLE cities (
    slug text NOT NULL,
    country text NOT NULL,
    name jsonb NOT NULL,
    other_names jsonb NOT NULL,
    province text,
    districts jsonb NOT NULL,
    sample boolean NOT NULL,
    provenance jsonb,
    CONSTRAINT cities_pkey PRIMARY KEY (slug)
);

CREATE TABLE inclusions (
    slug text NOT NULL,
    name jsonb NOT NULL,
    sample boolean NOT NULL,
    provenance jsonb,
    CONSTRAINT inclusions_pkey PRIMARY KEY (slug)
);

CREATE TABLE procedures (
    id uuid NOT NULL,
    slug text NOT NULL,
    version bigint NOT NULL,
    name jsonb NOT NULL,
    synonyms jsonb NOT NULL,
    specialty text NOT NULL,
    summary jsonb NOT NULL,
    overview jsonb NOT NULL,
    mechanism jsonb,
    conditions jsonb NOT NULL,
    alternatives jsonb NOT NULL,
    performed_by jsonb NOT NULL,
    device_implanted boolean NOT NULL,
    highlights jsonb NOT NULL,
    indications jsonb NOT NULL,
    preparation jsonb NOT NULL,
    risks jsonb NOT NULL,
    warning_signs jsonb NOT NULL,
    recovery_notes jsonb NOT NULL,
    restrictions jsonb NOT NULL,
    carry jsonb NOT NULL,
    followups jsonb NOT NULL,
    stay_days jsonb,
    recovery_weeks jsonb,
    recovery_note jsonb,
    stages jsonb NOT NULL,
    intake jsonb NOT NULL,
    faqs jsonb NOT NULL,
    reviewed_by text,
    reviewed_on date,
    found_by text NOT NULL,
    words text[] NOT NULL GENERATED ALWAYS AS (string_to_array(fold(found_by), ' ')) STORED,
    sample boolean NOT NULL,
    provenance jsonb,
    CONSTRAINT procedures_pkey PRIMARY KEY (id),
    CONSTRAINT procedures_slug_key UNIQUE (slug),
    CONSTRAINT procedures_specialty_fkey FOREIGN KEY (specialty) REFERENCES specialties (slug)
);

CREATE INDEX procedures_specialty_slug_idx ON procedures (specialty, slug);
CREATE INDEX procedures_words_idx ON procedures USING gin (words);

CREATE TABLE destination_facts (
    procedure text NOT NULL,
    country text NOT NULL,
    stay_days jsonb,
    recovery_weeks jsonb,
    recovery_note jsonb,
    source text,
    compared_with jsonb,
    sample boolean NOT NULL,
    provenance jsonb,
    CONSTRAINT destination_facts_pkey PRIMARY KEY (procedure, country),
    CONSTRAINT destination_facts_procedure_fkey FOREIGN KEY (procedure) REFERENCES procedures (slug)
);

CREATE INDEX destination_facts_country_procedure_idx ON destination_facts (country, procedure);

CREATE TABLE hospitals (
    id uuid NOT NULL,
    slug text NOT NULL,
    version bigint NOT NULL,
    name jsonb NOT NULL,
    country text NOT NULL,
    city text,
    city_given text,
    timezone text,
    working_hours jsonb NOT NULL,
    holidays jsonb NOT NULL,
    languages text[] NOT NULL,
    doctor_count integer,
    rating jsonb,
    accreditations jsonb NOT NULL,
    authorisation jsonb NOT NULL,
    complication_insurance jsonb,
    partner boolean NOT NULL,
    summary jsonb,
    found_by text NOT NULL,
    words text[] NOT NULL GENERATED ALWAYS AS (string_to_array(fold(found_by), ' ')) STORED,
    sample boolean NOT NULL,
    provenance jsonb,
    CONSTRAINT hospitals_pkey PRIMARY KEY (id),
    CONSTRAINT hospitals_slug_key UNIQUE (slug),
    CONSTRAINT hospitals_city_fkey FOREIGN KEY (city) REFERENCES cities (slug)
);

CREATE INDEX hospitals_country_slug_idx ON hospitals (country, slug);
CREATE INDEX hospitals_city_slug_idx ON hospitals (city, slug);
CREATE INDEX hospitals_languages_idx ON hospitals USING gin (languages);
CREATE INDEX hospitals_accreditations_idx ON hospitals USING gin (accreditations jsonb_path_ops);
CREATE INDEX hospitals_words_idx ON hospitals USING gin (words);

-- each word by which procedures and hospitals are found, once, and how often it stands there: a mistyped word is compared with these
CREATE TABLE words (
    word text COLLATE "C" NOT NULL,
    occurrences integer NOT NULL,
    CONSTRAINT words_pkey PRIMARY KEY (word)
);

CREATE INDEX words_word_idx ON words USING gin (word gin_trgm_ops);

CREATE TABLE prices (
    id uuid NOT NULL,
    procedure text NOT NULL,
    country text NOT NULL,
    hospital text,
    min_minor bigint NOT NULL,
    max_minor bigint NOT NULL,
    currency text NOT NULL,
    basis text NOT NULL,
    source text,
    observed_on date,
    inclusions jsonb NOT NULL,
    standing text NOT NULL,
    sample boolean NOT NULL,
    provenance jsonb,
    CONSTRAINT prices_pkey PRIMARY KEY (id),
    CONSTRAINT prices_procedure_fkey FOREIGN KEY (procedure) REFERENCES procedures (slug),
    CONSTRAINT prices_hospital_fkey FOREIGN KEY (hospital) REFERENCES hospitals (slug),
    CONSTRAINT prices_range_check CHECK (0 <= min_minor AND min_minor <= max_minor)
);

CREATE UNIQUE INDEX prices_key_idx ON prices (procedure, country, hospital, basis) NULLS NOT DISTINCT;
CREATE INDEX prices_hospital_idx ON prices (hospital);

CREATE TABLE offerings (
    hospital text NOT NULL,
    procedure text NOT NULL,
    department jsonb NOT NULL,
    evidence jsonb,
    source text,
    sample boolean NOT NULL,
    provenance jsonb,
    CONSTRAINT offerings_pkey PRIMARY KEY (hospital, procedure),
    CONSTRAINT offerings_hospital_fkey FOREIGN KEY (hospital) REFERENCES hospitals (slug),
    CONSTRAINT offerings_procedure_fkey FOREIGN KEY (procedure) REFERENCES procedures (slug)
);

CREATE INDEX offerings_procedure_hospital_idx ON offerings (procedure, hospital);

CREATE TABLE doctors (
    slug text NOT NULL,
    name text NOT NULL,
    title jsonb NOT NULL,
    specialty text NOT NULL,
    hospital text NOT NULL,
    since_year integer,
    languages text[] NOT NULL,
    procedures text[] NOT NULL,
    sample boolean NOT NULL,
    provenance jsonb,
    CONSTRAINT doctors_pkey PRIMARY KEY (slug),
    CONSTRAINT doctors_specialty_fkey FOREIGN KEY (specialty) REFERENCES specialties (slug),
    CONSTRAINT doctors_hospital_fkey FOREIGN KEY (hospital) REFERENCES hospitals (slug)
);

CREATE INDEX doctors_hospital_slug_idx ON doctors (hospital, slug);
CREATE INDEX doctors_specialty_slug_idx ON doctors (specialty, slug);
CREATE INDEX doctors_languages_idx ON doctors USING gin (languages);
CREATE INDEX doctors_procedures_idx ON doctors USING gin (procedures);

CREATE TABLE stories (
    slug text NOT NULL,
    headline jsonb NOT NULL,
    body jsonb NOT NULL,
    author_display text NOT NULL,
    country text NOT NULL,
    procedure text NOT NULL,
    hospital text,
    consent jsonb,
    treated_on date,
    sample boolean NOT NULL,
    provenance jsonb,
    CONSTRAINT stories_pkey PRIMARY KEY (slug),
    CONSTRAINT stories_procedure_fkey FOREIGN KEY (procedure) REFERENCES procedures (slug),
    CONSTRAINT stories_hospital_fkey FOREIGN KEY (hospital) REFERENCES hospitals (slug)
);

CREATE INDEX stories_procedure_idx ON stories (procedure);
CREATE INDEX stories_hospital_idx ON stories (hospital);

CREATE TABLE consent_texts (
    purpose text NOT NULL,
    version integer NOT NULL,
    language text NOT NULL,
    text text NOT NULL,
    sha256 text NOT NULL,
    sample boolean NOT NULL,
    provenance jsonb,
    CONSTRAINT consent_texts_pkey PRIMARY KEY (purpose, version, language)
);

CREATE TABLE ranking_rules (
    slug text NOT NULL,
    text jsonb NOT NULL,
    "order" jsonb NOT NULL,
    procedure text,
    country text,
    sample boolean NOT NULL,
    provenance jsonb,
    CONSTRAINT ranking_rules_pkey PRIMARY KEY (slug),
    CONSTRAINT ranking_rules_procedure_fkey FOREIGN KEY (procedure) REFERENCES procedures (slug)
);

CREATE INDEX ranking_rules_procedure_idx ON ranking_rules (procedure);

-- the state of each key as last published; NULL once it is withdrawn, so that a thing that comes back goes on counting
CREATE TABLE publications (
    id uuid NOT NULL,
    topic text NOT NULL,
    slug text NOT NULL,
    version bigint NOT NULL,
    state jsonb,
    CONSTRAINT publications_pkey PRIMARY KEY (id)
);

-- answers as bytes, composed when a fact changes
CREATE TABLE documents (
    kind text NOT NULL,
    key text NOT NULL,
    language text NOT NULL,
    etag text NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT documents_pkey PRIMARY KEY (kind, key, language)
);

-- one row: grows with each change, so that a process sees with one look whether what it remembers still holds
CREATE TABLE editions (
    id integer NOT NULL,
    number integer NOT NULL,
    CONSTRAINT editions_pkey PRIMARY KEY (id)
);

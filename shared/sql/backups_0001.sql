-- one row: when the last backup was taken; before the first one, when this database was made
CREATE TABLE backup_taken (
    id integer NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT backup_taken_pkey PRIMARY KEY (id),
    CONSTRAINT backup_taken_one_check CHECK (id = 1)
);

INSERT INTO backup_taken (id) VALUES (1);

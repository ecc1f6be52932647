-- What the benchmark's own copy of the database gets besides, so that it is a fair race: an index on every side of an
-- edge and for every filter of the queries (the hub's statements use them too), and for PostGraphile, which knows
-- neither paths nor the cube of counts, the views and functions that its users would write.

CREATE INDEX race_placements_student_id ON placements (student_id, since, id);
CREATE INDEX race_problem_records_open ON problem_records (found_at, id) WHERE state = 'OPEN';
CREATE INDEX race_students_name ON students (grade, name);

-- The hub's own totals, one row of each place. Only what is folded: a hub must also add what is not yet. In the race
-- everything is.
CREATE VIEW place_counts AS
  SELECT p.id AS place_id, coalesce(c.students, 0) AS students, coalesce(c.boarding, 0) AS boarding,
         coalesce(c.open_problems, 0) AS open_problems
  FROM places p LEFT JOIN count_totals c ON c.axis = 'MANAGEMENT' AND c.path = p.path AND c.state = 'IN_SCHOOL';
COMMENT ON VIEW place_counts IS E'@primaryKey place_id\n@foreignKey (place_id) references places (id)';
GRANT SELECT ON place_counts TO hub_read;

CREATE VIEW school_counts AS
  SELECT p.id AS school_id, coalesce(c.students, 0) AS students, coalesce(c.boarding, 0) AS boarding,
         coalesce(c.open_problems, 0) AS open_problems
  FROM schools p LEFT JOIN count_totals c ON c.axis = 'MANAGEMENT' AND c.path = p.path AND c.state = 'IN_SCHOOL';
COMMENT ON VIEW school_counts IS E'@primaryKey school_id\n@foreignKey (school_id) references schools (id)';
GRANT SELECT ON school_counts TO hub_read;

CREATE FUNCTION schools_within(place text) RETURNS SETOF schools LANGUAGE sql STABLE AS $$
  SELECT * FROM schools WHERE path >= place AND path < place || '~'
$$;
COMMENT ON FUNCTION schools_within(text) IS '@behavior +order';

CREATE FUNCTION open_problems(place text) RETURNS SETOF problem_records LANGUAGE sql STABLE AS $$
  SELECT * FROM problem_records WHERE path >= place AND path < place || '~' AND state = 'OPEN'
$$;
COMMENT ON FUNCTION open_problems(text) IS '@behavior +order';

CREATE FUNCTION problem_records_candidates(record problem_records) RETURNS SETOF students LANGUAGE sql STABLE AS $$
  SELECT c.* FROM students s JOIN students c ON c.id <> s.id AND c.state <> 'DELETED'
    AND (c.id_number = s.id_number OR (c.name = s.name AND c.sex = s.sex AND c.birth_date = s.birth_date))
  WHERE s.id = record.student_id
$$;

CREATE FUNCTION students_school_name(student students) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT name FROM schools WHERE id = student.school_id
$$;

CREATE FUNCTION students_named(beginning text, of_grade integer) RETURNS SETOF students LANGUAGE sql STABLE AS $$
  SELECT * FROM students WHERE grade = of_grade AND name LIKE beginning || '%'
$$;
COMMENT ON FUNCTION students_named(text, integer) IS '@behavior +order';

"""The queries of the race: the same rows and the same fields, as each system asks for them."""

from dataclasses import dataclass

from benchmarks import pages


@dataclass(frozen=True)
class Query:
    """Who asks, the statement that draws what for at the asker's root, and the query in each system's words."""

    role: str
    draw: str
    hub: str
    postgraphile: str
    strawberry: str
    note: str = ""


_PUPIL = "id name sex birthDate studentNumber grade state"
_NUMBERS = "students boarding openProblems"

QUERIES: dict[str, Query] = {
    "roster": Query(
        "county_administrator",
        """SELECT code FROM (SELECT s.code, c.id, count(p.id) AS pupils FROM schools s
             JOIN classes c ON c.school_id = s.id LEFT JOIN students p ON p.class_id = c.id
             WHERE s.path LIKE $1 || '%' GROUP BY s.code, c.id) AS each
           GROUP BY code HAVING count(*) >= 12 ORDER BY sum(least(pupils, 40)) DESC, code LIMIT 20""",
        pages.ROSTER,
        f"""query($code: String!) {{ school: schoolByCode(code: $code) {{ name
 classes: classesBySchoolId(first: 12, orderBy: [GRADE_ASC, NUMBER_ASC, PRIMARY_KEY_ASC]) {{ nodes {{ name
 students: studentsByClassId(first: 40, orderBy: [NAME_KEY_ASC, PRIMARY_KEY_ASC]) {{ nodes {{
 {_PUPIL.replace("id", "id: rowId", 1)} }} }} }} }} }} }}""",
        f"""query($code: String!) {{ school(code: $code) {{ name classes(first: 12) {{ name
 students(first: 40) {{ {_PUPIL} }} }} }} }}""",
    ),
    "student page": Query(
        "county_administrator",
        "SELECT student_number AS code FROM students WHERE path LIKE $1 || '%' ORDER BY md5(student_number) LIMIT 200",
        """query($code: String!) { student(studentNumber: $code) { id name sex birthDate state grade entryMonth
 school { code name } schoolClass { name teacherName } guardians { position name isGuardian employer }
 placements(first: 20) { nodes { since until grade school { name } } }
 problemRecords(first: 20) { nodes { kind state } } } }""",
        """query($code: String!) { student: studentByStudentNumber(studentNumber: $code) { id: rowId name sex birthDate
 state grade entryMonth school: schoolBySchoolId { code name } schoolClass: classByClassId { name teacherName }
 guardians: guardiansByStudentId { nodes { position name isGuardian employer } }
 placements: placementsByStudentId(first: 20) { nodes { since until grade school: schoolBySchoolId { name } } }
 problemRecords: problemRecordsByStudentId(first: 20) { nodes { kind state } }
 } }""",
        """query($code: String!) { student(studentNumber: $code) { id name sex birthDate state grade entryMonth
 school { code name } schoolClass { name teacherName } guardians { position name isGuardian employer }
 placements(first: 20) { since until grade school { name } }
 problemRecords(first: 20) { kind state } } }""",
    ),
    "school list": Query(
        "province_administrator",
        """SELECT p.code FROM places p WHERE p.path LIKE $1 || '%' AND 100 <= (SELECT count(*) FROM schools s
             WHERE s.path >= p.path AND s.path < p.path || '~') ORDER BY p.code LIMIT 50""",
        f"""query($code: String!) {{ schools(within: $code, first: 100, orderBy: [{{by: CODE}}]) {{ nodes {{
 code name phone headcounts(groupBy: []) {{ {_NUMBERS} }} }} }} }}""",
        f"""query($code: String!) {{ schools: schoolsWithin(place: $code, first: 100, orderBy: [CODE_ASC])
 {{ nodes {{ code name phone headcounts: schoolCountBySchoolId {{ {_NUMBERS} }} }} }} }}""",
        f"""query($code: String!) {{ schools(within: $code, first: 100) {{ code name phone
 headcounts {{ {_NUMBERS} }} }} }}""",
        "PostGraphile and plain Strawberry read the totals of the cube alone (a view, a data loader)",
    ),
    "places": Query(
        "province_administrator",
        "SELECT code FROM places WHERE path = $1",
        f"""query($code: String!) {{ region(code: $code) {{ name children {{ nodes {{ code name
 headcounts(groupBy: []) {{ {_NUMBERS} }} children {{ nodes {{ code name
 headcounts(groupBy: []) {{ {_NUMBERS} }} }} }} }} }} }} }}""",
        f"""query($code: String!) {{ region: placeByCode(code: $code) {{ name
 children: placesByParentId(orderBy: [CODE_ASC]) {{ nodes {{ code name
 headcounts: placeCountByPlaceId {{ {_NUMBERS} }}
 children: placesByParentId(orderBy: [CODE_ASC]) {{ nodes {{ code name
 headcounts: placeCountByPlaceId {{ {_NUMBERS} }} }} }} }} }} }} }}""",
        f"""query($code: String!) {{ region(code: $code) {{ name children {{ code name headcounts {{ {_NUMBERS} }}
 children {{ code name headcounts {{ {_NUMBERS} }} }} }} }} }}""",
        "as the school list",
    ),
    "problem queue": Query(
        "province_administrator",
        """SELECT p.code FROM places p WHERE p.level = 'CITY' AND p.path LIKE $1 || '%' AND 50 <= (
             SELECT count(*) FROM problem_records r
             WHERE r.path >= p.path AND r.path < p.path || '~' AND r.state = 'OPEN') ORDER BY p.code LIMIT 50""",
        """query($code: String!) { problemRecords(within: $code, where: {state: {eq: OPEN}},
 orderBy: [{by: FOUND_AT}], first: 50) { nodes { id kind state foundAt student { name grade school { name } }
 candidates { studentId name sex birthDate grade schoolName } } } }""",
        """query($code: String!) { problemRecords: openProblems(place: $code, first: 50,
 orderBy: [FOUND_AT_ASC, PRIMARY_KEY_ASC]) { nodes { id: rowId kind state foundAt
 student: studentByStudentId { name grade school: schoolBySchoolId { name } }
 candidates(first: 20) { nodes { studentId: rowId name sex birthDate grade schoolName } } } } }""",
        """query($code: String!) { problemRecords(within: $code, first: 50) { id kind state foundAt
 student { name grade school { name } } candidates { studentId name sex birthDate grade schoolName } } }""",
        "candidates are a computed column in PostGraphile, a data loader in Strawberry; the hub compares six fields of"
        " each besides, which nobody is asked for here",
    ),
    "student search": Query(
        "province_administrator",
        """SELECT left(name, 2) AS code FROM students WHERE path LIKE $1 || '%' AND grade = 5 GROUP BY 1
           ORDER BY count(*) DESC, 1 LIMIT 50""",
        """query($code: String!) { students(where: {name: {prefix: $code}, grade: {eq: 5}}, orderBy: [{by: NAME}],
 first: 50) { nodes { id name sex birthDate grade school { name } schoolClass { name } } } }""",
        """query($code: String!) { students: studentsNamed(beginning: $code, ofGrade: 5, first: 50,
 orderBy: [NAME_KEY_ASC, PRIMARY_KEY_ASC]) { nodes { id: rowId name sex birthDate grade
 school: schoolBySchoolId { name } schoolClass: classByClassId { name } } } }""",
        """query($code: String!) { students(beginning: $code, grade: 5, first: 50) { id name sex birthDate grade
 school { name } schoolClass { name } } }""",
        "the filter is a function in PostGraphile",
    ),
}

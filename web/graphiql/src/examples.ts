/** The ready queries of the page. Each is sent as it stands; `variables` fills in the caller's own place. */

import type { Grant, Person } from "./hub";
import { classNumber, regionCode, schoolCode } from "./session";

export type Example = {
  key: string;
  zh: string;
  en: string;
  /** The rights without which the hub would refuse it. */
  needs: string[];
  query: string;
  /** Nothing, if the query makes no sense where this grant is rooted. */
  variables: (grant: Grant) => Record<string, unknown> | null;
};

const anywhere = () => ({});

function atSchool(grant: Grant) {
  return schoolCode(grant) && !classNumber(grant) ? { code: schoolCode(grant) } : null;
}

function atRegion(grant: Grant) {
  return schoolCode(grant) ? null : { code: regionCode(grant) };
}

function aboveCounty(grant: Grant) {
  return regionCode(grant).length < 6 ? atRegion(grant) : null;
}

/** The examples that the person can run under this grant. */
export function offered(person: Person | null, grant: Grant | undefined): Example[] {
  if (!person || !grant) return [];
  return EXAMPLES.filter(
    ({ needs, variables }) => needs.every((right) => person.can.includes(right)) && variables(grant),
  );
}

const EXAMPLES: Example[] = [
  {
    key: "classes",
    zh: "本校班级与学生",
    en: "My school's classes with their students",
    needs: ["school:read", "schoolClass:read", "student:read"],
    query: `query SchoolClasses($code: String!) {
  school(code: $code) {
    name
    classes(first: 12) {
      totalCount
      nodes {
        name
        officialNumber
        students(first: 50) {
          totalCount
          nodes { name sex birthDate studentNumber }
        }
      }
    }
  }
}
`,
    variables: atSchool,
  },
  {
    key: "headcounts",
    zh: "本校按年级、性别的人数",
    en: "My school's headcounts by grade and sex",
    needs: ["school:read", "headcount:count"],
    query: `query SchoolHeadcounts($code: String!) {
  school(code: $code) {
    name
    headcounts { grade sex students }
  }
}
`,
    variables: atSchool,
  },
  {
    key: "roster",
    zh: "本班花名册",
    en: "My class's roster",
    needs: ["schoolClass:read", "student:read"],
    query: `query ClassRoster {
  schoolClasses(first: 5) {
    nodes {
      name
      students(first: 100) {
        totalCount
        nodes { name sex birthDate phone }
      }
    }
  }
}
`,
    variables: (grant) => (classNumber(grant) ? {} : null),
  },
  {
    key: "counts",
    zh: "辖区各校按年级、性别的人数",
    en: "My area's schools: headcounts by grade and sex",
    needs: ["region:read", "school:read", "headcount:count"],
    query: `query SchoolCounts($code: String!) {
  region(code: $code) {
    name
    schools(first: 50) {
      totalCount
      nodes {
        code
        name
        headcounts { grade sex students }
      }
    }
  }
}
`,
    variables: atRegion,
  },
  {
    key: "regions",
    zh: "下级各地的学生总数",
    en: "The places below: how many students",
    needs: ["region:read", "headcount:count"],
    query: `query RegionCounts($code: String!) {
  region(code: $code) {
    name
    headcounts(groupBy: []) { students }
    children(first: 50) {
      nodes {
        code
        name
        headcounts(groupBy: []) { students }
      }
    }
  }
}
`,
    variables: aboveCounty,
  },
  {
    key: "problems",
    zh: "待处理的问题学籍与疑似学生",
    en: "Open problem records with their candidates",
    needs: ["problemRecord:read", "student:read"],
    query: `query ProblemQueue {
  problemRecords(where: {state: {in: [OPEN]}}, first: 20) {
    totalCount
    nodes {
      id
      kind
      version
      student { name sex birthDate school { name } }
      candidates {
        inReach
        name
        schoolName
        office
        officePhone
        agreement { field agrees }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`,
    variables: anywhere,
  },
  {
    key: "cases",
    zh: "在办业务与当前承办单位",
    en: "Open cases and whose turn it is",
    needs: ["case:read"],
    query: `query OpenCases {
  cases(where: {state: {in: [OPEN]}}, first: 20) {
    totalCount
    nodes {
      id
      kind
      version
      pupilName
      waitingOffice
      due
      steps { side state due }
    }
  }
}
`,
    variables: anywhere,
  },
  {
    key: "overview",
    zh: "辖区概览：人数、问题学籍、今日出勤",
    en: "My area at a glance: headcounts, problems, today's attendance",
    needs: ["region:read", "headcount:count", "problemRecord:count", "attendance:count"],
    query: `query Overview($code: String!) {
  region(code: $code) {
    name
    headcounts(groupBy: []) { students }
    problemCounts { kind open }
    attendance { classDays expected present rate unmarkedClasses }
  }
}
`,
    variables: atRegion,
  },
  {
    key: "attendance",
    zh: "本校今日出勤",
    en: "My school's attendance today",
    needs: ["school:read", "attendance:count"],
    query: `query SchoolToday($code: String!) {
  school(code: $code) {
    name
    attendance { classDays expected present absent late onLeave rate unmarkedClasses }
    problemCounts { kind open }
  }
}
`,
    variables: atSchool,
  },
  {
    key: "student",
    zh: "一名学生的学籍页",
    en: "One student's page",
    needs: ["student:read", "guardian:read", "placement:read"],
    query: `query StudentPage {
  students(first: 1) {
    nodes {
      id
      name
      sex
      birthDate
      studentNumber
      state
      school { name }
      schoolClass { name }
      guardians { name relation { name } phone }
      placements(first: 20) {
        nodes { school { name } schoolClass { name } since until }
      }
    }
  }
}
`,
    variables: anywhere,
  },
  {
    key: "viewer",
    zh: "我是谁，能做什么",
    en: "Who I am and what I may do",
    needs: [],
    query: `query Viewer {
  viewer {
    name
    username
    roles { role root placeName placeCode until }
    can
  }
}
`,
    variables: anywhere,
  },
];

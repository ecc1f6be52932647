/** The ready queries of the page. Each is sent as it stands; `variables` fills in the caller's own place. */

import type { Grant } from "./hub";
import { regionCode, schoolCode } from "./session";

export type Example = {
  key: string;
  zh: string;
  en: string;
  query: string;
  variables: (grant: Grant | undefined) => Record<string, unknown>;
};

export const EXAMPLES: Example[] = [
  {
    key: "viewer",
    zh: "我是谁，能做什么",
    en: "Who I am and what I may do",
    query: `query Viewer {
  viewer {
    name
    username
    roles { role root placeName placeCode }
    can
  }
}
`,
    variables: () => ({}),
  },
  {
    key: "classes",
    zh: "本校班级与学生",
    en: "My school's classes with their students",
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
          nodes { id name sex birthDate studentNumber }
        }
      }
    }
  }
}
`,
    variables: (grant) => ({ code: schoolCode(grant) }),
  },
  {
    key: "counts",
    zh: "辖区各校按年级、性别的人数",
    en: "Counts of a place's schools by grade and sex",
    query: `query SchoolCounts($code: String!) {
  region(code: $code) {
    code
    name
    level
    children(first: 50) { nodes { code name } }
    schools(first: 20) {
      totalCount
      nodes {
        code
        name
        headcounts { grade sex count }
      }
    }
  }
}
`,
    variables: (grant) => ({ code: regionCode(grant) }),
  },
  {
    key: "student",
    zh: "一名学生的学籍页",
    en: "One student's page",
    query: `query StudentPage($id: ID!) {
  student(id: $id) {
    id
    name
    sex
    birthDate
    studentNumber
  }
}
`,
    variables: () => ({ id: "student:1" }),
  },
];

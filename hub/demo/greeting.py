"""What the demonstration prints: address, log-ins, ready queries."""

import orjson

from hub.settings import Settings
from policies import Role

LOG_INS = "demo.json"


def welcome(settings: Settings) -> str:
    """What the demonstration prints: address, log-ins, ready queries."""
    path = settings.home / LOG_INS
    log_ins = orjson.loads(path.read_bytes()) if path.exists() else {}
    school = log_ins.get("school_administrator", {}).get("place", "…")
    county = log_ins.get("county_administrator", {}).get("place", "…")
    lines = [f"\n[bold]学籍数据中心 xueji hub[/bold]  http://{settings.host}:{settings.port}/\n"]
    for role, log_in in log_ins.items():
        title = Role(log_in["role"]).chinese
        lines.append(f"  {role:28} {log_in['username']:15} {log_in['password']:16} {log_in['place']:11} {title}")
    lines += ["", "示例查询 Ready queries (GraphiQL 页面的“示例查询” has them too):"]
    lines += [f"  {role:28} {query}" for role, query in ready(school, county).items()]
    lines += ["", f"  {path}   {settings.home / 'demo-workbook.xlsx'}   Ctrl-C 停止 stops"]
    return "\n".join(line.replace("[", "\\[") if line.startswith("  ") else line for line in lines)


def ready(school: str, county: str) -> dict[str, str]:
    """A ready query for each desk, by the role that asks it."""
    roster = "classes(first: 3) { nodes { name students(first: 3) { nodes { name sex birthDate } } } }"
    return {
        "school_administrator": f'{{ school(code: "{school}") {{ name {roster} }} }}',
        "county_administrator": f'{{ region(code: "{county}") {{ name schools(first: 10) {{ totalCount nodes {{ name'
        " headcounts { grade sex students } } } } }",
        "class_teacher": "{ schoolClasses(first: 1) { nodes { id name students(first: 60) { nodes { id name } } } } }",
        "school_leader": "{ cases(where: {state: {eq: OPEN}}) { nodes { id kind pupilName waitingOffice due } } }",
        "reviewer": "{ problemRecords(where: {state: {eq: OPEN}}, first: 5) { totalCount nodes { id kind"
        " student { name } candidates { inReach name schoolName office } } } }",
        "dashboard": "{ regions(first: 20) { nodes { name headcounts(groupBy: []) { students }"
        " problemCounts { kind open } attendance { rate unmarkedClasses } } } }",
    }

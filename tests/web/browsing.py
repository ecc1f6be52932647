"""A person at the page in a browser: signing in and out, asking, uploading workbooks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
from playwright.async_api import Page, expect

from hub import clock
from hub.intake import template
from tests.intake.pupils import make_id, make_row

CLASSES, SCHOOL_COUNTS, AREA_COUNTS = "本校班级与学生", "本校按年级、性别的人数", "辖区各校按年级、性别的人数"
ROSTER, REGIONS, STUDENT, VIEWER = "本班花名册", "下级各地的学生总数", "一名学生的学籍页", "我是谁，能做什么"
PROBLEMS, CASES = "待处理的问题学籍与疑似学生", "在办业务与当前承办单位"
OVERVIEW, ATTENDANCE = "辖区概览：人数、问题学籍、今日出勤", "本校今日出勤"
EDITOR = "document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.getValue()"


@dataclass(frozen=True)
class Demo:
    """The demonstration being served: its address, its folder, its log-ins by role."""

    url: str
    home: Path
    log_ins: dict[str, dict[str, str]]


def keep_in(kept: list[Any]) -> Callable[[Any], None]:
    """A listener that keeps what it hears; playwright takes no built-in method such as `kept.append`."""

    def keep(item: Any) -> None:
        kept.append(item)

    return keep


async def sign_in(page: Page, demo: Demo, role: str) -> None:
    log_in = demo.log_ins[role]
    await page.get_by_label("用户名").fill(log_in["username"])
    await page.get_by_label("密码").fill(log_in["password"])
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("button", name="退出")).to_be_visible()


async def sign_out(page: Page) -> None:
    await page.get_by_role("button", name="退出").click()
    await expect(page.get_by_label("用户名")).to_be_visible()


async def offered(page: Page) -> list[str]:
    texts = await page.get_by_label("示例查询").locator("option").all_inner_texts()
    return texts[1:]


async def choose(page: Page, example: str) -> None:
    before = await editor_text(page)
    await page.get_by_label("示例查询").select_option(label=example)
    await page.wait_for_function(f"old => {EDITOR} !== old", arg=before)
    await settle(page)


async def editor_text(page: Page) -> str:
    return str(await page.evaluate(EDITOR))


async def write(page: Page, query: str) -> None:
    setting = "query => document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.setValue(query)"
    await page.evaluate(setting, query)
    await settle(page)


async def settle(page: Page) -> None:
    """Wait until the editor has read the operation's name, which it sends along and shows on the tab."""
    name = (await editor_text(page)).split()[1].partition("(")[0]
    await expect(page.get_by_role("tab", selected=True)).to_contain_text(name)


async def run(page: Page) -> Any:
    """Run what stands in the editor and hand back the answer that came; it is shown too."""
    async with page.expect_response(lambda r: "__schema" not in (r.request.post_data or "__schema")) as asked:
        await page.locator(".graphiql-execute-button").click()
    answer = await (await asked.value).json()
    await expect(page.locator(".graphiql-response")).to_contain_text("errors" if "errors" in answer else "data")
    return answer


async def upload(page: Page, content: bytes, name: str = "一年级.xlsx") -> None:
    await page.get_by_role("button", name="上传工作簿").click()
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    await page.get_by_label("工作簿文件").set_input_files(file)  # type: ignore[arg-type]
    await page.get_by_role("button", name="上传并核对").click()


async def marked_cells(page: Page) -> set[str]:
    """The cells with a comment in the workbook that comes back."""
    async with page.expect_download() as fetched:
        await page.get_by_role("button", name="下载批注工作簿").click()
    book = openpyxl.load_workbook(BytesIO((await (await fetched.value).path()).read_bytes()))
    return {cell.coordinate for row in book["学生基本信息"] for cell in row if cell.comment}


def make_pupil(place: int, school: str, number: str, **changes: str) -> dict[str, str]:
    """A sound row for a class of the demonstration, whose pupils are six or seven years old."""
    year = clock.today().year
    born, entry = date(year - 7, 3, 1 + place), f"{year - 1}09"
    own = {"school_code": school, "class_number": number, "birth_date": f"{born:%Y%m%d}", "id_number": make_id(born)}
    return make_row(place, **own, entry_month=entry) | changes


def make_workbook(school: str, number: str, *rows: dict[str, str]) -> bytes:
    content = BytesIO()
    template.fill(template.SchoolSheet(school, "", [(number, "一年级1班")]), rows, content)
    return content.getvalue()


async def class_number(page: Page) -> str:
    await choose(page, CLASSES)
    answer = await run(page)
    return str(answer["data"]["school"]["classes"]["nodes"][0]["officialNumber"])

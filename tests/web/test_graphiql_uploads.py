"""Uploading on the page, in a browser: what became of each row, files that are refused, and who may at all."""

import os
import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Page, expect

from hub.postgres import Cluster
from tests.web.browsing import Demo, class_number, keep_in, make_pupil, make_workbook, sign_in, upload, write


async def test_the_downloaded_template_filled_and_uploaded_is_taken_once(page: Page, demo: Demo) -> None:
    school = demo.log_ins["school_administrator"]["place"]
    await sign_in(page, demo, "school_administrator")
    number = await class_number(page)
    await page.get_by_role("button", name="上传工作簿").click()
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="下载模板").click()
    download = await saved.value
    assert download.suggested_filename == f"{school}.xlsx"
    await upload(page, (await download.path()).read_bytes())
    await expect(page.locator(".sheet .alert")).to_contain_text("表中没有学生数据")
    filled = make_workbook(school, number, make_pupil(20, school, number))
    await upload(page, filled)
    await expect(page.locator(".counts")).to_have_text("总行数1新增1更新0未变0退回0")
    await expect(page.locator(".clean")).to_contain_text("已入库")
    await upload(page, filled)
    await expect(page.locator(".counts")).to_have_text("总行数1新增0更新0未变1退回0")


async def test_a_workbook_of_pupils_of_another_school_waits_for_a_leader_and_says_so(page: Page, demo: Demo) -> None:
    school = demo.log_ins["school_administrator"]["place"]
    await sign_in(page, demo, "school_administrator")
    number = await class_number(page)
    connection = await asyncpg.connect(Cluster(demo.home / "postgres").url("postgres", "hub"))
    known = await connection.fetch(
        """SELECT name, sex, id_number, to_char(birth_date, 'YYYYMMDD') AS born FROM students
           WHERE id_number IS NOT NULL AND school_id <> (SELECT id FROM schools WHERE code = $1) AND grade = 1
           ORDER BY id LIMIT 12""",
        school,
    )
    rows = [
        make_pupil(place, school, number, name=one["name"], id_number=one["id_number"], birth_date=one["born"])
        | {"sex": "男" if one["sex"] == "MALE" else "女"}
        for place, one in enumerate(known)
    ]
    await upload(page, make_workbook(school, number, *rows))
    await expect(page.locator(".counts")).to_have_text("总行数12新增12更新0未变0退回0")
    await expect(page.locator(".verdict")).to_contain_text("须由学校领导确认后才会入库")
    await expect(page.locator(".clean")).to_have_count(0)
    await connection.close()


async def test_an_import_is_followed_in_the_editor_until_it_is_finished(page: Page, demo: Demo) -> None:
    school = demo.log_ins["school_administrator"]["place"]
    await sign_in(page, demo, "school_administrator")
    number = await class_number(page)
    await upload(page, make_workbook(school, number, make_pupil(20, school, number)))
    told = await page.locator(".result-head .file").inner_text()
    job = told.split(" · ")[1]
    await page.get_by_role("button", name="查询台").click()
    follow = 'subscription Follow { importJob(id: "%s") { state total school { code } } }'
    shown = page.locator(".graphiql-response")
    await write(page, follow % job)
    await page.locator(".graphiql-execute-button").click()
    for text in ("importJob", "APPLIED", school):
        await expect(shown).to_contain_text(text)
    await expect(page.get_by_role("button", name="Execute query")).to_be_visible()
    await write(page, follow % "import:999999999")
    await page.locator(".graphiql-execute-button").click()
    await expect(shown).to_contain_text("NOT_FOUND")


async def test_a_workbook_without_a_sound_row_changes_nothing_and_says_so(page: Page, demo: Demo) -> None:
    school = demo.log_ins["school_administrator"]["place"]
    await sign_in(page, demo, "school_administrator")
    await upload(page, make_workbook(school, "9999999", make_pupil(21, school, "9999999")))
    await expect(page.locator(".counts")).to_have_text("总行数1新增0更新0未变0退回1")
    await expect(page.locator(".verdict")).to_contain_text("没有一行可以入库")
    await page.emulate_media(media="print")
    await expect(page.locator(".bar")).to_be_hidden()
    await expect(page.locator(".sheet form")).to_be_hidden()
    await expect(page.locator(".result table").first).to_be_visible()


async def test_a_file_that_is_no_workbook_is_refused_with_what_to_do(page: Page, demo: Demo) -> None:
    await sign_in(page, demo, "school_administrator")
    await upload(page, b"%PDF-1.7 name,sex")
    await expect(page.locator(".sheet .alert")).to_have_text(re.compile("这不是 Excel 工作簿.*另存为"))
    await expect(page.locator(".result")).to_have_count(0)


async def test_a_file_corrected_after_an_upload_is_to_be_chosen_again(page: Page, demo: Demo, tmp_path: Path) -> None:
    workbook = tmp_path / "一年级.xlsx"
    workbook.write_bytes(b"%PDF-1.7 name,sex")
    await sign_in(page, demo, "school_administrator")
    await page.get_by_role("button", name="上传工作簿").click()
    await page.get_by_label("工作簿文件").set_input_files(workbook)
    await page.get_by_role("button", name="上传并核对").click()
    await expect(page.locator(".sheet .alert")).to_contain_text("这不是 Excel 工作簿")
    workbook.write_bytes(b"%PDF-1.7 name,sex,class")
    os.utime(workbook, (1, 1))
    await page.get_by_role("button", name="上传并核对").click()
    await expect(page.locator(".sheet .alert")).to_have_text(re.compile("选择之后被修改.*请重新选择"))


async def test_the_page_says_that_it_is_busy(page: Page, demo: Demo) -> None:
    await sign_in(page, demo, "school_administrator")
    held: list[Any] = []
    await page.route("**/files", keep_in(held))
    await upload(page, b"%PDF-1.7 name,sex")
    await expect(page.get_by_role("status")).to_contain_text("正在上传文件")
    await expect(page.get_by_role("button", name="上传并核对")).to_be_disabled()
    await page.wait_for_timeout(0 if held else 500)  # the page says so before its request comes by
    await held[0].continue_()
    await expect(page.get_by_role("button", name="上传并核对")).to_be_enabled()


@pytest.mark.parametrize(("role", "hint"), [(None, "请先登录"), ("class_teacher", "您的角色不能导入工作簿")])
async def test_who_may_not_import_is_told_before_trying(page: Page, demo: Demo, role: str | None, hint: str) -> None:
    if role:
        await sign_in(page, demo, role)
    await page.get_by_role("button", name="上传工作簿").click()
    await expect(page.get_by_role("button", name="上传并核对")).to_be_disabled()
    await expect(page.get_by_role("status")).to_contain_text(hint)


async def test_a_file_is_chosen_only_by_who_is_known_to_the_page(page: Page, demo: Demo) -> None:
    """Signing in sets the view up anew: a file that was chosen before would be gone."""
    await page.get_by_role("button", name="上传工作簿").click()
    await expect(page.get_by_label("工作簿文件")).to_be_disabled()
    await sign_in(page, demo, "school_administrator")
    await expect(page.get_by_label("工作簿文件")).to_be_enabled()

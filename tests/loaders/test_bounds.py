"""What a process keeps of documents and plans stays within its bounds, however many different ones come.

`make soak` asks ten times as many.
"""

import os
from dataclasses import replace

import httpx
import pytest

from hub.app import build
from hub.settings import Settings
from tests.province import Province

FACTOR = int(os.environ.get("SOAK", "1"))
KEPT = 400_000


def test_many_documents_are_read_and_the_oldest_forgotten(settings: Settings) -> None:
    documents = build(replace(settings, plan_cache=KEPT)).state.hub.schema.documents
    texts = [f"{{ regions {{ nodes {{ a{at}: name }} }} }}" for at in range(10_000 * FACTOR)]
    for at, text in enumerate(texts):
        assert not documents.know(text).faults
        assert documents.kept.bytes <= KEPT
        assert documents.knows(text)
        assert at < 1_000 or not documents.knows(texts[at - 1_000])
    assert 0 < len(documents.kept) < 1_000


@pytest.mark.parametrize("refused", ["{{ regions {{ nodes {{ b{at}", "{{ nobody{at} }}"])
def test_many_refused_documents_are_forgotten_too(settings: Settings, refused: str) -> None:
    documents = build(replace(settings, plan_cache=KEPT)).state.hub.schema.documents
    for at in range(1_000 * FACTOR):
        assert documents.know(refused.format(at=at)).faults
        assert documents.kept.bytes <= KEPT


async def test_many_plans_are_made_and_the_oldest_forgotten(settings: Settings, province: Province) -> None:
    app = build(replace(settings, plan_cache=KEPT, document_share=1.0))
    reader = app.state.hub.reader
    headers = {"authorization": f"Bearer {province.tokens['schoolA1']}"}
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://hub") as http:
        for at in range(1_000 * FACTOR):
            query = f'{{ school(code: "2114000001") {{ a{at}: name }} }}'
            answer = (await http.post("/graphql", json={"query": query}, headers=headers)).json()
            assert answer["data"] == {"school": {f"a{at}": "A1小学"}}
            assert reader.plans.bytes <= KEPT
            assert reader.inputs.bytes <= KEPT // 4
        assert 0 < len(reader.plans) < 1_000

"""Texts as BM25 sees them."""

import pytest

from rag_flywheel.adapters.index.sparse import Sparse

SPARSE = Sparse(titles=False)


@pytest.mark.parametrize(
    ("question", "text", "other"),
    [
        ("電源の入れ方", "本体の電源を入れます。", "画面を布で拭きます。"),
        ("如何更换滤芯", "每三个月更换一次滤芯。", "请勿将机器放在水中。"),
        ("เปลี่ยนไส้กรองอย่างไร", "ควรเปลี่ยนไส้กรองทุกสามเดือน", "ห้ามวางเครื่องในน้ำ"),
        ("전압 확인", "전원을 켜기 전에 전압을 확인하십시오.", "부드러운 천으로 닦으십시오."),
        ("ＵＳＢ", "The usb port.", "The port."),
    ],
)
def test_scripts_without_spaces_and_full_width_forms_are_searched_by_their_words(
    question: str, text: str, other: str
) -> None:
    shared = SPARSE.shared(SPARSE.query(question))
    assert shared(text) > 0.15
    assert shared(text) > shared(other)

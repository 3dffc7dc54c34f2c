"""Real small files of each format, made here."""

from __future__ import annotations

import io
from pathlib import Path

import docx
import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from appliance.errors import BadInput
from appliance.index_build import converters
from appliance.index_build.documents import read_documents
from appliance.index_build.pieces import Notes

PAGE = b"""<!doctype html><html lang="es"><head><title>Cash</title>
<meta name="audience" content="lead"><style>p {color: red}</style></head>
<body><nav><a href="/">Home</a></nav><main><h1>Cash</h1><p>The till float is <b>$150</b>.</p>
<h2>Drops</h2><ul><li>Drop at $500.</li><li>Two people count.</li></ul>
<table><tr><th>Item</th><th>Age</th></tr><tr><td>Alcohol</td><td>21</td></tr></table>
<div>Loose text in a div.</div><script>alert(1)</script></main><footer>(c)</footer></body></html>"""


def pdf_of(*pages: str) -> bytes:
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(width=400, height=400)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = stream
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def docx_of() -> bytes:
    document = docx.Document()
    document.add_heading("Recalls", level=0)
    document.add_paragraph("Pull within 1 hour of notice.")
    document.add_heading("Refunds", level=2)
    document.add_paragraph("Refund in full without receipt.")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(
        [c for row in table.rows for c in row.cells], ["Cage", "Colour", "B", "Red"], strict=True
    ):
        cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_markdown_keeps_headings_lists_and_tables_as_sentences() -> None:
    got = converters.markdown(
        b"---\ntitle: Age checks\naudience: lead\n---\n# Age checks\n\nAsk **anyone** under\n"
        b"[40](x).\n\n## List\n\n- Alcohol: `21`\n- Knives\n\n"
        b"| Item | Age |\n|---|---|\n| Vape | 21 |\n"
    )

    assert got.meta == {"title": "Age checks", "audience": "lead"}
    assert got.title == "Age checks"
    assert got.sections == [
        ((), ["Ask anyone under 40."]),
        (("List",), ["Alcohol: 21", "Knives", "Item: Vape; Age: 21."]),
    ]


def test_front_matter_with_a_second_colon_is_read_line_by_line() -> None:
    got = converters.markdown(b"---\nid: a\ntitle: Shoplifting: what to do\n---\nWatch.\n")

    assert got.meta["title"] == "Shoplifting: what to do"


def test_broken_front_matter_is_refused_with_its_line() -> None:
    with pytest.raises(BadInput, match="line 3"):
        converters.markdown(b"---\nid: a\ntitle: [unclosed\n---\nText.\n")


def test_html_leaves_navigation_and_scripts_out() -> None:
    got = converters.html(PAGE)

    assert got.meta["title"] == "Cash"
    assert got.meta["language"] == "es"
    assert got.meta["audience"] == "lead"
    assert got.sections == [
        ((), ["The till float is $150."]),
        (
            ("Drops",),
            [
                "Drop at $500.",
                "Two people count.",
                "Item: Alcohol; Age: 21.",
                "Loose text in a div.",
            ],
        ),
    ]


def test_pdf_gives_a_section_per_page() -> None:
    got = converters.pdf(pdf_of("Floats are 150 dollars.", "Drops at 500."))

    assert got.sections == [
        (("page 1",), ["Floats are 150 dollars."]),
        (("page 2",), ["Drops at 500."]),
    ]


def test_a_pdf_without_text_says_so() -> None:
    with pytest.raises(BadInput, match="no text"):
        converters.pdf(pdf_of(""))


def test_docx_keeps_heading_styles_and_tables() -> None:
    got = converters.word(docx_of())

    assert got.title == "Recalls"
    assert got.sections == [
        ((), ["Pull within 1 hour of notice."]),
        (("Refunds",), ["Refund in full without receipt.", "Cage: B; Colour: Red."]),
    ]


@pytest.mark.parametrize("convert", [converters.pdf, converters.word])
@pytest.mark.parametrize("data", [b"PK\x03\x04broken", b"%PDF-1.4 broken", b"\x00" * 100])
def test_a_broken_office_file_is_refused(convert: object, data: bytes) -> None:
    with pytest.raises(BadInput, match=r"readable|no text"):
        convert(data)  # type: ignore[operator]


def test_a_folder_of_all_formats_is_read_and_what_cannot_be_is_named(tmp_path: Path) -> None:
    files = {
        "a.md": b"# A\n\nAlpha.",
        "b.html": PAGE,
        "c.pdf": pdf_of("Gamma."),
        "d.docx": docx_of(),
        "e.txt": "Épsilon in Windows-1252.".encode("cp1252"),
        "f.csv": b"fee,amount\nRestocking,15%\n",
        "g.jsonl": b'{"id": "g1", "title": "G", "text": "Gamma ray."}\nnot json\n{"id": "g2"}\n',
        "sub/h.md": b"Eta.",
        "sub/a.md": b"---\nid: a\n---\nAgain.",
        "i.xlsx": b"PK",
        "j.md": b"",
        "k.md": b"---\naudience: everyone\n---\nSecret?",
        "l.md": b"---\neffective_from: 2026-02-01\neffective_to: 2025-02-01\n---\nNever.",
        ".hidden.md": b"Hidden.",
        "m.txt": b"\x00\x01binary",
    }
    for name, data in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    notes = Notes()

    documents = {d.id: d for d in read_documents(tmp_path, notes=notes)}

    assert sorted(documents) == ["a", "b", "c", "d", "e", "f", "g1", "sub/h"]
    assert documents["b"].audience == "lead"
    assert documents["e"].sections[0].paragraphs == ("Épsilon in Windows-1252.",)
    assert documents["f"].sections[0].paragraphs == ("fee: Restocking; amount: 15%.",)
    why = {s.source: s.why for s in notes.skipped}
    assert "no converter for .xlsx" in why["i.xlsx"]
    assert "empty" in why["j.md"]
    assert "associate, lead, manager" in why["k.md"]
    assert "before it starts" in why["l.md"]
    assert "NUL" in why["m.txt"]
    assert "not JSON" in why["g.jsonl:2"]
    assert "no text" in why["g.jsonl:3"]
    assert "is that of a.md" in why["sub/a.md"]


def test_a_folder_with_nothing_usable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK")

    with pytest.raises(BadInput, match="no document that can be used"):
        read_documents(tmp_path, notes=Notes())
    with pytest.raises(BadInput, match="No documents at"):
        read_documents(tmp_path / "absent", notes=Notes())

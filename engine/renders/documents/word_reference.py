"""The look of Word files: pandoc's reference document with styles, a page and running lines of ours."""

import io
import zipfile
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from engine.renders.documents import pandoc
from engine.renders.documents.languages import TEMPLATES, language
from engine.renders.documents.request import Request

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_KIND = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_COVER_SPACE = 4200  # twentieths of a point above the title of a report
_SIZES = ((40, 72), (80, 60), (140, 48))  # characters of the title at most, and its size in half points
_SMALLEST = 40
# A4, with the margins that the PDF has: pictures are as wide as that leaves.
_SECTION = (
    '<w:sectPr xmlns:w="{w}" xmlns:r="{r}"><w:headerReference w:type="default" r:id="rIdHead"/>'
    '<w:footerReference w:type="default" r:id="rIdFoot"/>{foot}'
    '<w:footnotePr><w:numRestart w:val="eachSect"/></w:footnotePr>'
    '<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1814" w:right="1984" w:bottom="1701" w:left="1984" '
    'w:header="900" w:footer="850" w:gutter="0"/><w:titlePg/></w:sectPr>'
)
_FIELD = (
    '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText xml:space="preserve"> {name} </w:instrText></w:r>'
    '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>1</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
)


def reference(request: Request) -> bytes:
    """A Word file whose styles, page and running lines pandoc takes over."""
    usual = pandoc.run(["--print-default-data-file", "reference.docx"], b"", "A Word file cannot be made")
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(usual)) as given, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as taken:
        for name in given.namelist():
            taken.writestr(name, _changed(name, given.read(name), request))
        taken.writestr("word/header9.xml", _edge("hdr", "Header", _text(request.title)))
        taken.writestr("word/footer9.xml", _edge("ftr", "Footer", _foot(request)))
    return made.getvalue()


def _changed(name: str, content: bytes, request: Request) -> bytes:
    match name:
        case "word/styles.xml":
            return _styles(content, request)
        case "word/document.xml":
            return _section(content, has_cover=request.is_report)
        case "word/_rels/document.xml.rels":
            parts = "".join(
                f'<Relationship Type="{_R}/{kind}" Id="{place}" Target="{file}"/>'
                for kind, place, file in (("header", "rIdHead", "header9.xml"), ("footer", "rIdFoot", "footer9.xml"))
            )
            return content.replace(b"</Relationships>", parts.encode() + b"</Relationships>")
        case "[Content_Types].xml":
            parts = "".join(
                f'<Override PartName="/word/{kind}9.xml" ContentType="{_KIND}.{kind}+xml"/>'
                for kind in ("header", "footer")
            )
            return content.replace(b"</Types>", parts.encode() + b"</Types>")
    return content


def _styles(content: bytes, request: Request) -> bytes:
    size = next((size for most, size in _SIZES if len(request.title) <= most), _SMALLEST)
    ours = (TEMPLATES / "word_styles.xml").read_text(encoding="utf-8")
    ours = ours.replace("{title_size}", str(size))
    ours = ours.replace("{title_before}", str(_COVER_SPACE if request.is_report else 0))
    ElementTree.register_namespace("w", _W)
    root = ElementTree.fromstring(content)  # noqa: S314 (pandoc's own file)
    new = ElementTree.fromstring(ours)  # noqa: S314 (a file of ours)
    names = {style.get(f"{{{_W}}}styleId") for style in new}
    for style in root.findall(f"{{{_W}}}style"):
        if style.get(f"{{{_W}}}styleId") in names:
            root.remove(style)
    root.extend(list(new))
    changed: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return changed


def _section(content: bytes, *, has_cover: bool) -> bytes:
    foot = "" if has_cover else '<w:footerReference w:type="first" r:id="rIdFoot"/>'
    section = _SECTION.format(w=_W, r=_R, foot=foot)
    before, _, rest = content.partition(b"<w:sectPr>")
    _, _, after = rest.partition(b"</w:sectPr>")
    return before + section.encode() + after


def _edge(kind: str, style: str, inner: str) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:{kind} xmlns:w="{_W}"><w:p><w:pPr>'
        f'<w:pStyle w:val="{style}"/></w:pPr>{inner}</w:p></w:{kind}>'
    )


def _foot(request: Request) -> str:
    """Who wrote it at one side, and at the other which page of how many this is."""
    before, _, rest = language(request.lang).page.partition("{n}")
    between, _, after = rest.partition("{m}")
    count = [_text(before), _FIELD.format(name="PAGE"), _text(between), _FIELD.format(name="NUMPAGES"), _text(after)]
    return f"{_text(request.author)}<w:r><w:tab/></w:r>{''.join(count)}"


def _text(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r>' if text else ""

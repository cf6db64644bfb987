"""axe-core in the page: what of WCAG 2.2 AA a machine can find wrong, and what axe holds to be good practice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = Path(__file__).resolve().parents[2] / "repository" / "web" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The shape of a page without its words: pages of one shape, such as two candidates' works, are looked at once. What
# surrounds it is the same on every page.
SHAPE = """() => {
  const of = (one) => {
    const inner = [];
    for (const child of one.children) {
      const words = of(child);
      if (inner.at(-1) !== words) inner.push(words);
    }
    return `${one.tagName} ${one.className.baseVal ?? one.className} ${one.getAttribute("role") ?? ""}(${inner.join()})`;
  };
  const text = of(document.querySelector("main"));
  let hash = 0;
  for (let at = 0; at < text.length; at += 1) hash = (hash * 31 + text.charCodeAt(at)) | 0;
  return `${hash}.${text.length}`;
}"""
RUN = """async (tags) => {
  const rest = [["tbody > tr:nth-child(n+8)"]]; // the rows of a long table are alike
  const found = await axe.run({ include: [["html"]], exclude: rest }, {
    runOnly: { type: "tag", values: tags },
    resultTypes: ["violations"],
    preload: false, // style sheets again, for a rule about turning the screen alone
    selectors: false,
  });
  return found.violations.map(({ id, help, nodes }) => [id, help, nodes.slice(0, 3).map((one) => one.html.slice(0, 200))]);
}"""


@cache
def source() -> str:
    """Return the script, read once."""
    return SOURCE.read_text("utf-8")


@dataclass(frozen=True)
class Shapes:
    """The shapes of pages that were looked at, by whichever process: a file in a folder for each."""

    folder: Path

    def is_new(self, shape: str) -> bool:
        """Return whether nobody looked at this shape before; from now on somebody has."""
        try:
            (self.folder / shape).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def violations(page: Page, shapes: Shapes | None = None) -> list[str]:
    """Return what axe finds wrong in the page as it stands; nothing for a page of a shape that was looked at before.

    The script comes in by the browser's own door for tools, so the page's content security policy stays as it is.
    """
    if shapes is not None and not shapes.is_new(page.evaluate(SHAPE)):
        return []
    page.evaluate(source())
    found: list[Any] = page.evaluate(RUN, TAGS)
    return [f"{rule}: {words}: {'; '.join(where)}" for rule, words, where in found]

"""Page images as a scanner makes them of exam scripts: cheap enough that a hundred thousand can be drawn.

A page is put together from pieces that are drawn once: blocks of handwriting on lined paper at a few skews, shadows, noise;
only its codes are its own. Cover sheets are those that the product prints.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from enum import StrEnum
from io import BytesIO

import pikepdf
import pypdfium2
import zxingcpp
from PIL import Image, ImageChops, ImageDraw, ImageFont

from scripts.labels import PageCode, ScriptCover
from scripts.sheets import covers_pdf

CENTRE, COMPONENT = "99999", "H446/01"
WIDTH_MM, HEIGHT_MM = 210, 297
PAPER, INK = 244, 60
SKEWS = (-3.0, -1.5, 0.0, 1.5, 3.0)
BLOCKS = 10
"""Blocks of handwriting for each half of a page, at each skew; every page leaves out and strikes out other parts of them."""
QUALITY = 75


class Face(StrEnum):
    """What is printed and written on one side of a sheet."""

    COVER = "cover"
    HAND_COVER = "cover written by hand"
    ANSWER = "answer"
    BLANK = "blank"
    FOREIGN = "another board's"


class State(StrEnum):
    """In what state a side came out of the scanner."""

    PLAIN = "plain"
    GREY = "grey paper"
    SHADOW = "fold shadow"
    PALE = "pale ink"
    UPSIDE_DOWN = "upside down"
    ONE_CODE_SPOILT = "one code spoilt"
    SPOILT = "codes spoilt"
    HOLES = "punch holes and what shines through"


SOUND_STATES = (State.PLAIN, State.PLAIN, State.PLAIN, State.GREY, State.SHADOW, State.PALE, State.UPSIDE_DOWN)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a sheet: whose it is, what is on it, how it is scanned.

    ``page`` counts the answer pages of the booklet; ``coded`` pages bear their own code; ``look`` chooses the writing.
    """

    owner: str | None
    face: Face
    page: int = 0
    of: int = 0
    coded: bool = False
    state: State = State.PLAIN
    skew: float = 0.0
    look: int = 0


@dataclass(slots=True)
class Scanner:
    """Draws sides as JPEG at one resolution."""

    dpi: int
    _blocks: dict[tuple[float, int, int], Image.Image] = field(default_factory=dict)
    _covers: dict[str, Image.Image] = field(default_factory=dict)
    _masks: dict[State, Image.Image] = field(default_factory=dict)
    _noise: list[Image.Image] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """The pixels of an A4 page."""
        return self._px(WIDTH_MM), self._px(HEIGHT_MM)

    def jpeg(self, side: Side) -> bytes:
        """The side as its scanner gives it."""
        target = BytesIO()
        self.image(side).save(target, "JPEG", quality=QUALITY)
        return target.getvalue()

    def image(self, side: Side) -> Image.Image:
        """The side as pixels."""
        chance = random.Random(side.look)
        if side.face is Face.COVER:
            page = self._cover(side)
        elif side.face in (Face.BLANK, Face.HAND_COVER):
            page = Image.new("L", self.size, PAPER)
        else:
            page = self._written(side, chance)
        if side.face is Face.FOREIGN:
            self._foreign(page, side.look)
        if side.face is Face.HAND_COVER:
            font = ImageFont.load_default(self._px(12))
            words = f"Centre {CENTRE}\nCandidate {side.owner}\n{COMPONENT}"
            ImageDraw.Draw(page).multiline_text((self._px(25), self._px(30)), words, fill=INK, font=font)
        return self._scanned(page, side, chance)

    def _px(self, mm: float) -> int:
        return round(mm * self.dpi / 25.4)

    def _scanned(self, page: Image.Image, side: Side, chance: random.Random) -> Image.Image:
        if side.state is State.GREY:
            page = page.point(lambda level: level * 3 // 4)
        elif side.state is State.PALE:
            page = page.point(lambda level: PAPER - (PAPER - level) * 6 // 10)
        elif side.state in (State.SHADOW, State.HOLES):
            page = ImageChops.multiply(page, self._mask(side.state))
        if side.state is State.UPSIDE_DOWN:
            page = page.transpose(Image.Transpose.ROTATE_180)
        return Image.blend(page, self._one_noise(chance), 0.06)

    def _one_noise(self, chance: random.Random) -> Image.Image:
        if not self._noise:
            self._noise = [Image.effect_noise(self.size, 60) for _ in range(3)]
        return chance.choice(self._noise)

    def _mask(self, state: State) -> Image.Image:
        if state not in self._masks:
            width, height = self.size
            mask = Image.new("L", self.size, 255)
            draw = ImageDraw.Draw(mask)
            if state is State.SHADOW:
                middle, reach = height // 2, self._px(22)
                for row in range(-reach, reach):
                    dark = int(60 * (1 - abs(row) / reach) ** 2)
                    draw.line((0, middle + row, width, middle + row), fill=255 - dark)
            else:
                for place in (108.5, 188.5):
                    radius = self._px(3)
                    centre = (self._px(12), self._px(place))
                    draw.ellipse([c + d for d in (-radius, radius) for c in centre], fill=15)
                through = ImageChops.multiply(self._block(0.0, 0, 0), Image.new("L", (width, height // 2), 255))
                faint = through.transpose(Image.Transpose.FLIP_LEFT_RIGHT).point(
                    lambda level: 255 - (PAPER - level) // 14
                )
                mask.paste(ImageChops.multiply(faint, mask.crop((0, 0, *faint.size))), (0, 0))
            self._masks[state] = mask
        return self._masks[state]

    # Handwriting

    def _block(self, skew: float, half: int, number: int) -> Image.Image:
        """Half a page of lined paper, written on, at a skew."""
        key = (skew, half, number)
        if key not in self._blocks:
            whole = self._hand(random.Random(f"{half}{number}"))
            turned = whole.rotate(skew, resample=Image.Resampling.BICUBIC, fillcolor=PAPER) if skew else whole
            width, height = self.size
            self._blocks[key] = turned.crop((0, half * (height // 2), width, half * (height // 2) + height // 2))
        return self._blocks[key]

    def _hand(self, chance: random.Random) -> Image.Image:
        page = Image.new("L", self.size, PAPER)
        draw = ImageDraw.Draw(page)
        pen, line = max(2, self._px(0.5)), 53.0
        draw.line((self._px(15), self._px(45), self._px(195), self._px(45)), fill=0, width=max(1, self._px(0.3)))
        while line < 250:
            draw.line(
                (self._px(15), self._px(line), self._px(195), self._px(line)), fill=170, width=max(1, self._px(0.1))
            )
            if chance.random() < 0.9:
                self._line(draw, chance, line, pen)
            line += 8.5
        return page

    def _line(self, draw: ImageDraw.ImageDraw, chance: random.Random, line: float, pen: int) -> None:
        x, end = 17 + chance.uniform(0, 2), chance.uniform(120, 190)
        while x < end:
            letters = [(x, line - 1)]
            for _ in range(chance.randint(2, 9)):
                x += chance.uniform(1.2, 2.4)
                letters.append((x, line - chance.uniform(0, 5)))
            draw.line([(self._px(a), self._px(b)) for a, b in letters], fill=INK, width=pen, joint="curve")
            x += chance.uniform(3, 6)

    def _written(self, side: Side, chance: random.Random) -> Image.Image:
        page = Image.new("L", self.size, PAPER)
        for half in (0, 1):
            block = self._block(side.skew, half, chance.randrange(BLOCKS))
            page.paste(block, (0, half * (self.size[1] // 2)))
        # What is left out and struck out differs on every page: no two people write the same.
        draw = ImageDraw.Draw(page)
        for _ in range(24):
            x, y, wide = chance.uniform(15, 150), chance.uniform(48, 240), chance.uniform(20, 50)
            draw.rectangle([self._px(n) for n in (x, y, x + wide, y + 7)], fill=PAPER)
        for _ in range(12):
            x, y = chance.uniform(20, 150), chance.uniform(60, 240)
            wide = chance.uniform(10, 30)
            draw.rectangle([self._px(n) for n in (x, y, x + wide, y + chance.uniform(3, 6))], fill=INK + 20)
        if side.coded:
            self._codes(page, side, chance)
        return page

    # Codes

    def _codes(self, page: Image.Image, side: Side, chance: random.Random) -> None:
        code = PageCode(CENTRE, side.owner or "0000", COMPONENT, 1, side.page, side.of)
        tile = self._two_d(code.payload, 28)
        places = [(195 - 14, 12 + 14), (15 + 14, HEIGHT_MM - 12 - 14)]
        spoilt = {State.SPOILT: {0, 1}, State.ONE_CODE_SPOILT: {chance.randrange(2)}}.get(side.state, set())
        for number, place in enumerate(places):
            one = self._scribbled(tile, chance) if number in spoilt else tile
            self._paste(page, one, place, side.skew)

    def _paste(self, page: Image.Image, tile: Image.Image, place_mm: tuple[float, float], skew: float) -> None:
        """Put a tile where the skew of the page moves it."""
        turn = math.radians(-skew)
        x, y = place_mm[0] - WIDTH_MM / 2, place_mm[1] - HEIGHT_MM / 2
        middle = (
            WIDTH_MM / 2 + x * math.cos(turn) - y * math.sin(turn),
            HEIGHT_MM / 2 + x * math.sin(turn) + y * math.cos(turn),
        )
        if skew:
            tile = tile.rotate(skew, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=PAPER)
        page.paste(tile, (self._px(middle[0]) - tile.width // 2, self._px(middle[1]) - tile.height // 2))

    def _two_d(self, payload: str, side_mm: float) -> Image.Image:
        code = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.QRCode, ec_level="Q").to_image(scale=4)
        return self._tile(code).resize((self._px(side_mm), self._px(side_mm)), Image.Resampling.BICUBIC)

    @staticmethod
    def _tile(code: zxingcpp.Image) -> Image.Image:
        height, width = code.shape
        return Image.frombytes("L", (width, height), bytes(memoryview(code))).point(lambda level: level * PAPER // 255)

    @staticmethod
    def _scribbled(tile: Image.Image, chance: random.Random) -> Image.Image:
        spoilt = tile.copy()
        draw = ImageDraw.Draw(spoilt)
        width, height = spoilt.size
        for _ in range(9):
            ends = [chance.uniform(0, side) for side in (width, height, width, height)]
            draw.line(ends, fill=40, width=max(3, width // 12))
        draw.rectangle((0, 0, width * 0.45, height * 0.45), fill=50)
        return spoilt

    def _foreign(self, page: Image.Image, look: int) -> None:
        kinds = [
            (zxingcpp.BarcodeFormat.Code128, "AQA-7517-1-0042"),
            (zxingcpp.BarcodeFormat.Code39, "PEARSON9MA0"),
            (zxingcpp.BarcodeFormat.DataMatrix, "WJEC/1300U10-1/00412"),
            (zxingcpp.BarcodeFormat.ITF, "20417530016842"),
            (zxingcpp.BarcodeFormat.QRCode, "https://example.org/p/1"),
        ]
        kind, text = kinds[look % len(kinds)]
        tile = self._tile(zxingcpp.create_barcode(text, kind).to_image(scale=max(2, self.dpi // 60)))
        if tile.height < self._px(15):
            tile = tile.resize((tile.width, self._px(15)))
        page.paste(tile, (self._px(20), self._px(12)))

    # Cover sheets

    def _cover(self, side: Side) -> Image.Image:
        owner = side.owner or "0000"
        if owner not in self._covers:
            document = pypdfium2.PdfDocument(covers_pdf([ScriptCover(CENTRE, owner, COMPONENT)]))
            page = document[0]
            drawn = page.render(scale=self.dpi / 72, grayscale=True).to_pil().convert("L").resize(self.size)
            self._covers[owner] = drawn.point(lambda level: level * PAPER // 255)
            page.close()
            document.close()
        cover = self._covers[owner]
        if side.state in (State.SPOILT, State.ONE_CODE_SPOILT):
            cover = cover.copy()
            draw = ImageDraw.Draw(cover)
            width, height = cover.size
            for step in range(0, width, self._px(2)):
                draw.line((step, height * 0.36, step + self._px(15), height * 0.6), fill=0, width=self._px(1.2))
            if side.state is State.SPOILT:
                draw.rectangle((width * 0.33, height * 0.62, width * 0.52, height * 0.88), fill=20)
        if side.skew:
            cover = cover.rotate(side.skew, resample=Image.Resampling.BILINEAR, fillcolor=PAPER)
        return cover


def pdf(jpegs: list[bytes], size: tuple[int, int], dpi: int) -> bytes:
    """A bundle as scanners write it: one JPEG a page and nothing else."""
    width, height = (72 * side / dpi for side in size)
    written = BytesIO()
    with pikepdf.new() as bundle:
        for jpeg in jpegs:
            bundle.add_blank_page(page_size=(width, height))
            picture = bundle.make_stream(jpeg)
            picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
            picture.Width, picture.Height, picture.BitsPerComponent = *size, 8
            picture.ColorSpace, picture.Filter = pikepdf.Name.DeviceGray, pikepdf.Name.DCTDecode
            page = bundle.pages[-1]
            page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=picture))
            page.Contents = bundle.make_stream(f"q {width:.2f} 0 0 {height:.2f} 0 0 cm /Im0 Do Q".encode())
        bundle.save(written)
    return written.getvalue()

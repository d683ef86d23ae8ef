"""Annotated pictures: a JPEG for a picture, a film for a film."""

from __future__ import annotations

from pathlib import Path

from gluon_ssd.inference.outputs.film_file import FilmFile, film_file
from gluon_ssd.inference.outputs.jpeg import write_jpeg
from gluon_ssd.inference.outputs.seen import Film, Output, Seen


class Drawn(Output):
    """Draws what was found; see `Output`.

    Args:
        folder: for the files, which are named by the labels of pictures and films.
        makes_films: whether frames become a film; else each becomes a picture.
    """

    def __init__(self, folder: Path, *, makes_films: bool) -> None:
        self._folder, self._makes_films = folder, makes_films
        self._film: Film | None = None
        self._file: FilmFile | None = None

    def add(self, seen: Seen) -> None:
        """Draw a picture. The frames of a film follow one another."""
        drawn = seen.found.draw()
        is_frame = seen.film is not None and self._makes_films
        if self._film is not None and seen.film != self._film:
            self._film = None
            self._open.close()
        if not is_frame:
            write_jpeg(self.path_of(seen), drawn)
            return
        if self._film is None:
            assert seen.film is not None
            path = self.path_of(seen)
            self._file = self._open.enter_context(film_file(path, seen.film.rate))
            self._film = seen.film
        assert self._file is not None
        self._file.add(drawn)

    def path_of(self, seen: Seen) -> Path:
        """The file that a picture is drawn into."""
        if seen.film is not None and self._makes_films:
            return self._folder / f"{seen.film.label}.mp4"
        return self._folder / f"{seen.label}.jpg"

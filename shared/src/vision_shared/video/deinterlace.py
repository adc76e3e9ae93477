"""Whole frames from interlaced ones, whose even and odd lines show two moments."""

from collections.abc import Iterator

import av
from av.filter import Graph
from av.video.stream import VideoStream

# One frame for each frame, and only those that say they are interlaced are changed
_FILTER = ("bwdif", "mode=send_frame:parity=auto:deint=interlaced")


class Deinterlacer:
    """FFmpeg's filter bwdif (motion adaptive; W. Brandt after BBC's w3fdif), a frame behind.

    Args:
        stream: stream that the frames are decoded from.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._time_base = stream.time_base
        self._graph = Graph()
        self._graph.link_nodes(
            self._graph.add_buffer(template=stream),
            self._graph.add(*_FILTER),
            self._graph.add("buffersink"),
        ).configure()

    def push(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Yield the frames that are done once this one is known; None says that it was the last."""
        self._graph.push(frame)
        while True:
            try:
                done = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(done, av.VideoFrame)
            # the filter counts in half of the stream's units
            if done.pts is not None and done.time_base and self._time_base:
                done.pts = round(done.pts * done.time_base / self._time_base)
                done.time_base = self._time_base
            yield done

"""pyx12 on what we send: another reader, written by others."""

import io
import logging


def pyx12_accepts(content: bytes) -> bool:
    """Whether pyx12 finds nothing wrong with an interchange."""
    import pyx12.params
    import pyx12.x12n_document

    logging.getLogger("pyx12").setLevel(logging.CRITICAL)
    accepted: bool = pyx12.x12n_document.x12n_document(
        param=pyx12.params.params(),
        src_file=io.StringIO(content.decode("ascii")),
        fd_997=None,
        fd_html=None,
    )
    return accepted

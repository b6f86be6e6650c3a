"""What tests of the bounds of documents share: an export's first tag, not yet closed, and how much memory is little."""

from __future__ import annotations

HEAD = (
    '<et:Kontaktregister xmlns:et="http://kontaktinfo.difi.no/xsd/eksporttjeneste/14-05"'
    ' xmlns="http://begrep.difi.no" eksportTidspunkt="2014-02-26T12:22:25.000+01:00" senesteEndringsNummer="1"'
)

LIMIT = 500e6

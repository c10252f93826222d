"""What the ``<meta>`` elements of a page say of its article: Open Graph, Dublin Core, citation tags and their kin."""

from typing import Final

from muniment.extract.assertion import Field

__all__ = ["field_of"]

# Names and properties in lower case, as the Open Graph protocol, DCMI, Google Scholar, Parse.ly, Sailthru, Cxense and
# the content management systems of newspapers write them.
_NAMES: Final = {
    Field.HEADLINE: (
        "og:title twitter:title dc.title dcterms.title dc:title citation_title parsely-title sailthru.title title"
        " headline hdl article:title bt:headline"
    ),
    Field.BYLINE: (
        "author authors article:author og:article:author article:author_name article.author dc.creator dcterms.creator"
        " dc:creator dc.contributor citation_author citation_authors parsely-author sailthru.author twitter:creator byl"
        " byline creator rbauthors cxenseparse:author shareaholic:article_author_name"
    ),
    Field.PUBLISHED: (
        "article:published_time og:article:published_time og:published_time og:pubdate article:published"
        " article.published dc.date dc.date.issued dc.date.published dcterms.issued dcterms.date dc:date dc.issued"
        " citation_publication_date citation_date citation_online_date parsely-pub-date sailthru.date"
        " cxenseparse:recs:publishtime pubdate publishdate publish-date publish_date publication_date publicationdate"
        " published published_time date date_published datepublished date.issued article_date_original bt:pubdate"
        " originalpublicationdate displaydate rnews:datepublished shareaholic:article_published_time vr:published_time"
        " pdate ptime"
    ),
    Field.MODIFIED: (
        "article:modified_time og:article:modified_time og:modified_time og:updated_time article:updated"
        " article.updated dc.modified dcterms.modified dc.date.modified lastmod last-modified last_modified"
        " lastmodified last-updated revised datemodified date_modified modified modified_time updated updated_time"
        " bt:moddate rnews:datemodified shareaholic:article_modified_time"
    ),
    Field.PUBLISHER: (
        "og:site_name publisher article:publisher dc.publisher dcterms.publisher dc:publisher citation_publisher"
        " citation_journal_title application-name apple-mobile-web-app-title twitter:site shareaholic:site_name"
    ),
    Field.LANGUAGE: (
        "og:locale language lang dc.language dcterms.language dc:language citation_language content-language inlanguage"
    ),
    Field.SECTION: "article:section og:article:section parsely-section section category bt:section",
    Field.DESCRIPTION: (
        "description og:description twitter:description dc.description dcterms.description dc:description"
        " dcterms.abstract dc.description.abstract citation_abstract sailthru.description abstract"
    ),
    Field.CANONICAL_URL: "og:url twitter:url citation_public_url parsely-link sailthru.url shareaholic:url",
}
_FIELDS: Final = {name: about for about, names in _NAMES.items() for name in names.split()}


def field_of(name: str) -> Field | None:
    """Return what a ``<meta>`` of that *name* (in lower case; also a property or http-equiv) says, if anything."""
    return _FIELDS.get(name)

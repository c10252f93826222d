"""Records on disk: WARC/1.1 (ISO 28500:2017) written exactly and read strictly.

The only door to warcio and to the gzip library. ``fields`` knows the header rules, ``member`` how one record is
compressed, ``writer`` how records come into files, ``reader`` how they come out again.
"""

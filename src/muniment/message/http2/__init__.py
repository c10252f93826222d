"""HTTP/2 connections (RFC 9113) read passively, and put into the words of HTTP/1.1 for a WARC block."""

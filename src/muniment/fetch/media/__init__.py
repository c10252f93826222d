"""Films that a page plays from pieces: fetched whole by yt-dlp, put together by ffmpeg, both child processes."""

"""Photos of pupils (学生照片): brought in by the school, approved by its leader, shown by signed links."""

from hub.photos.asking import bring, start
from hub.photos.reviewing import Decision, Reviewed, review
from hub.photos.showing import KIND, show

__all__ = ["KIND", "Decision", "Reviewed", "bring", "review", "show", "start"]

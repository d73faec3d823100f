"""The admin site: unfold's pages behind a second factor."""

from unfold.sites import UnfoldAdminSite


class BackOffice(UnfoldAdminSite):
    """The site that `django.contrib.admin.site` resolves to."""

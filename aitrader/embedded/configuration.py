"""The two files that govern the cluster, written by us at every start."""

from aitrader.embedded.layout import Layout, give

SOCKET_PORT = 5432
_LARGEST_LOG = 10_000_000

_CONFIGURATION = """\
# Written by aitrader at every start; put your own settings into local.conf beside this file.
listen_addresses = '{listen}'
port = {port}
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 128MB
max_wal_size = 2GB
password_encryption = scram-sha-256
fsync = on
full_page_writes = on
synchronous_commit = on
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
default_text_search_config = 'pg_catalog.simple'
jit = off
log_line_prefix = '%m [%p] %u@%d '
log_lock_waits = on
log_min_duration_statement = 2000
log_parameter_max_length_on_error = 0
include_if_exists = 'local.conf'
"""
_LOCAL_ONLY = "local all all scram-sha-256\n"
_LOOPBACK_ONLY = "host all all 127.0.0.1/32 scram-sha-256\n"


def write(layout: Layout, *, tcp_port: int | None) -> None:
    """Write postgresql.conf and pg_hba.conf; on sockets only unless a port is given."""
    settings = _CONFIGURATION.format(
        listen="127.0.0.1" if tcp_port else "",
        port=tcp_port or SOCKET_PORT,
        socket="" if tcp_port else layout.socket,
    )
    access = _LOOPBACK_ONLY if tcp_port else _LOCAL_ONLY
    (layout.data / "postgresql.conf").write_text(settings, encoding="utf-8")
    (layout.data / "pg_hba.conf").write_text(access, encoding="utf-8")
    if layout.log.exists() and layout.log.stat().st_size > _LARGEST_LOG:
        layout.log.replace(layout.log.with_suffix(".log.1"))
    layout.log.touch(mode=0o600)
    give(layout, layout.log)

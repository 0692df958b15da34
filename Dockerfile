# An image of the server: docker build -t samregister . or podman build --format docker -t samregister .
#
# With a program that is built already, as target/package/samregister of deploy/package.sh:
#     podman build --format docker -t samregister --build-arg SOURCE=prebuilt .
ARG RUST_IMAGE=docker.io/library/rust:1.95-bookworm
ARG BASE_IMAGE=docker.io/library/debian:bookworm-slim
ARG SOURCE=built

FROM ${RUST_IMAGE} AS built
WORKDIR /src
COPY . .
RUN cargo build --profile dist --locked --bin samregister && install -D target/dist/samregister /out/samregister

FROM scratch AS prebuilt
COPY target/package/samregister /out/samregister

FROM ${SOURCE} AS program

FROM ${BASE_IMAGE}
# pg_dump and pg_restore of the newest PostgreSQL that the register may be on, for backups. Debian 12 has version 15: for a newer server, name
# another base.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 samregister \
    && useradd --system --uid 10001 --gid samregister --home-dir /var/lib/samregister --shell /usr/sbin/nologin samregister \
    && install -d -m 0700 -o samregister -g samregister /var/lib/samregister /var/backups/samregister
COPY --from=program --chmod=755 /out/samregister /usr/bin/samregister
# Only these folders are written to: the rest of the file system may be read-only (--read-only). Temporary files need a tmpfs at /tmp.
VOLUME ["/var/lib/samregister", "/var/backups/samregister"]
WORKDIR /var/lib/samregister
USER 10001:10001
ENV SAMREGISTER_BIND=0.0.0.0:8080 \
    SAMREGISTER_LOG_FORMAT=json \
    SAMREGISTER_BACKUP_DIR=/var/backups/samregister
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=12s --start-period=5m --retries=3 CMD ["samregister", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["samregister"]
CMD ["serve"]

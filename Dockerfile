# One static program; its files are under /data, and it listens as its configuration says.
FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /out/nspd ./bootstrap/nspd && mkdir /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/nspd /nspd
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/data /federation
USER 65532:65532
ENV NSPD_DATA_DIR=/data
ENTRYPOINT ["/nspd"]
CMD ["serve"]

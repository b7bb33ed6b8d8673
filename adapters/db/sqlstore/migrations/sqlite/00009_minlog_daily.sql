-- MinLog: a registrar's own daily counts lie together.

-- +goose Up
CREATE INDEX minlog_daily_registrar ON minlog_daily (registrar_cvr, day, system_name);

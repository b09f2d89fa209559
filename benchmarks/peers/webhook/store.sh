#!/bin/sh
# What a webhook command does at its simplest: append, make it durable, be done.
set -e
printf '%s\n' "$PAYLOAD" >> "$STORE"
exec sync -d "$STORE"

#!/usr/bin/env node
// __NAME__: keeps every record as a line of JSON.
//
// Watchpost starts this program, writes records to its STDIN, one per line, and waits for one answer each on STDOUT,
// in order: OK, or ERROR and a reason. Everything it has not answered when it ends is sent to it again, so a record
// may come twice, but none is lost. What it prints to STDERR goes to Watchpost's log.
//
// Try it:  watchpost exporter test .
"use strict";

const fs = require("fs");
const path = require("path");

// EX_TEMPFAIL of sysexits.h: no record is to blame; Watchpost starts this program again after a pause.
const TRY_LATER = 75;

const option = process.argv.find((argument) => argument.startsWith("--out="));
const folder = path.resolve(process.env.WATCHPOST_EXPORTS_DIR || ".", option ? option.slice(6) : "__FOLDER__");

// What is to be done with one record. Put your own in here.
function handle(line, out) {
  let record;
  try {
    record = JSON.parse(line);
  } catch (error) {
    return "ERROR not JSON: " + error.message.replace(/\s+/g, " ");
  }
  // For example: record.$id === "event-intrusion", record.object_class, record.system_timestamp
  fs.writeSync(out, JSON.stringify({ site: "my site", ...record }) + "\n");
  return "OK";
}

function main() {
  fs.mkdirSync(folder, { recursive: true });
  const out = fs.openSync(path.join(folder, "records.jsonl"), "a");
  // Joined only once it is whole: a line with a picture comes in many pieces.
  let begun = [];
  process.stdin.on("data", (data) => {
    const end = data.lastIndexOf(0x0a);
    if (end < 0) {
      begun.push(data);
      return;
    }
    const lines = Buffer.concat([...begun, data.subarray(0, end)]).toString("utf8").split("\n");
    begun = [data.subarray(end + 1)];
    const answers = lines.map((line) => handle(line, out));
    // One sync for all that came together. Only then OK: it says that this program answers for them.
    fs.fsyncSync(out);
    process.stdout.write(answers.join("\n") + "\n");
  });
}

process.on("uncaughtException", (error) => {
  console.error("cannot go on: " + error.message);
  process.exit(TRY_LATER);
});
main();

// Klaviyo's own Node SDK gets along with the simulator, so that the simulator is not
// merely what the provider's client expects. SIMULATOR is the command to run.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { AccountsApi, ApiKeySession, ListsApi, ProfilesApi, RetryWithExponentialBackoff } from "klaviyo-api";

const refused = "refused@example.com", failing = "failing@example.com";
let server, url, key, listId, accounts, lists, profiles;

// connect makes the SDK talk to the simulator.
function connect(apiKey) {
  const retry = new RetryWithExponentialBackoff({ retryCodes: [429], numRetries: 1 });
  return [AccountsApi, ListsApi, ProfilesApi].map((Api) => {
    const api = new Api(new ApiKeySession(apiKey, retry));
    api.basePath = url;
    return api;
  });
}

before(async () => {
  const folder = await mkdtemp(join(tmpdir(), "nodesdk-"));
  const ready = join(folder, "ready.json");
  server = spawn(process.env.SIMULATOR, [
    "serve", "-rate-limits=false", "-ready-file", ready, "-process-delay", "200ms",
    "-refuse-email", `${refused}=invalid:It is refused.`, "-fail-email", `${failing}=invalid:It fails.`,
  ], { stdio: "inherit" });
  const gone = once(server, "exit").then(() => assert.fail("the simulator has stopped"));
  for (;;) {
    const text = await Promise.race([readFile(ready, "utf8").catch(() => ""), gone]);
    if (text) {
      ({ url, api_key: key, list_id: listId } = JSON.parse(text));
      break;
    }
    await wait(20);
  }
  gone.catch(() => {});
  await rm(folder, { recursive: true });
  [accounts, lists, profiles] = connect(key);
});

after(() => server.kill());

const resource = (attributes) => ({ type: "profile", attributes });

// importing imports profiles into a list and waits for the end of the job.
async function importing(people, list = listId) {
  const { response, body } = await profiles.bulkImportProfiles({
    data: {
      type: "profile-bulk-import-job",
      attributes: { profiles: { data: people.map(resource) } },
      relationships: { lists: { data: [{ type: "list", id: list }] } },
    },
  });
  assert.equal(response.status, 202);
  assert.equal(body.data.attributes.status, "queued");
  for (;;) {
    const job = (await profiles.getBulkImportProfilesJob(body.data.id)).body.data;
    if (["complete", "cancelled"].includes(job.attributes.status)) return job;
    await wait(20);
  }
}

// members walks all pages of a list.
async function members(list) {
  const found = [];
  for (let pageCursor; ;) {
    const { body } = await lists.getProfilesForList(list, { pageSize: 100, pageCursor });
    found.push(...body.data);
    if (!body.links.next) return found;
    pageCursor = new URL(body.links.next).searchParams.get("page[cursor]");
  }
}

// refusal returns the answer to a request that is refused.
async function refusal(request) {
  try {
    await request;
  } catch (error) {
    return error.response;
  }
  assert.fail("the request was not refused");
}

test("accounts", async () => {
  const { body } = await accounts.getAccounts();
  assert.equal(body.data.length, 1);
  assert.match(body.data[0].id, /^[A-Za-z0-9]{6}$/);
});

test("a key that is not known", async () => {
  const [unknown] = connect("pk_unknown");
  const { status, data } = await refusal(unknown.getAccounts());
  assert.equal(status, 401);
  assert.equal(data.errors[0].code, "authentication_failed");
});

test("lists are made, renamed, read and deleted", async () => {
  const { body } = await lists.createList({ data: { type: "list", attributes: { name: "From the SDK", optInProcess: "single_opt_in" } } });
  const id = body.data.id;
  await lists.updateList(id, { data: { type: "list", id, attributes: { name: "Renamed" } } });
  const read = (await lists.getList(id, { additionalFieldsList: ["profile_count"] })).body.data;
  assert.equal(read.attributes.name, "Renamed");
  assert.equal(read.attributes.optInProcess, "single_opt_in");
  assert.equal(read.attributes.profileCount, 0);
  const named = (await lists.getLists({ filter: 'equals(name,"Renamed")' })).body.data;
  assert.deepEqual(named.map((list) => list.id), [id]);
  await lists.deleteList(id);
  assert.equal((await refusal(lists.getList(id))).status, 404);
});

test("an import of several pages, its job, its failures and its list", async () => {
  const people = Array.from({ length: 250 }, (_, i) => ({
    email: `person${i}@example.com`, firstName: `P${i}`, location: { city: "Köln" }, properties: { loyalty_tier: "gold", points: i },
  }));
  const job = await importing([...people, { email: failing }]);
  assert.equal(job.attributes.totalCount, 251);
  assert.equal(job.attributes.completedCount, 250);
  assert.equal(job.attributes.failedCount, 1);
  const errors = (await profiles.getErrorsForBulkImportProfilesJob(job.id)).body.data;
  assert.equal(errors.length, 1);
  assert.equal(errors[0].attributes.detail, "It fails.");
  assert.equal(errors[0].attributes.originalPayload.email ?? errors[0].attributes.originalPayload.attributes?.email, failing);
  const listIds = (await profiles.getListIdsForBulkImportProfilesJob(job.id)).body.data;
  assert.deepEqual(listIds.map((list) => list.id), [listId]);
  const found = await members(listId);
  assert.equal(found.length, 250);
  const one = found.find((member) => member.attributes.email === "person7@example.com").attributes;
  assert.equal(one.firstName, "P7");
  assert.equal(one.location.city, "Köln");
  assert.deepEqual(one.properties, { loyalty_tier: "gold", points: 7 });
  assert.ok(one.joinedGroupAt instanceof Date && !Number.isNaN(one.joinedGroupAt.valueOf()));
});

test("an import with a row that is refused", async () => {
  const { status, data } = await refusal(profiles.bulkImportProfiles({
    data: {
      type: "profile-bulk-import-job",
      attributes: { profiles: { data: [{ email: "fine@example.com" }, { email: refused }].map(resource) } },
    },
  }));
  assert.equal(status, 400);
  assert.equal(data.errors[0].source.pointer, "/data/attributes/profiles/data/1/attributes/email");
  assert.equal((await profiles.getProfiles({ filter: 'equals(email,"fine@example.com")' })).body.data.length, 0);
});

test("members are taken off a list", async () => {
  const id = (await lists.createList({ data: { type: "list", attributes: { name: "Leavers" } } })).body.data.id;
  await importing([{ email: "stays@example.com" }, { email: "leaves@example.com" }], id);
  const leaver = (await members(id)).find((member) => member.attributes.email === "leaves@example.com");
  const { response } = await lists.removeProfilesFromList(id, { data: [{ type: "profile", id: leaver.id }] });
  assert.equal(response.status, 204);
  assert.deepEqual((await members(id)).map((member) => member.attributes.email), ["stays@example.com"]);
});

test("people are subscribed, with the date of their consent", async () => {
  const id = (await lists.createList({ data: { type: "list", attributes: { name: "Subscribers", optInProcess: "double_opt_in" } } })).body.data.id;
  const { response } = await profiles.bulkSubscribeProfiles({
    data: {
      type: "profile-subscription-bulk-create-job",
      attributes: {
        customSource: "shop", historicalImport: true,
        profiles: { data: [resource({
          email: "yes@example.com", subscriptions: { email: { marketing: { consent: "SUBSCRIBED", consentedAt: new Date("2025-01-02T03:04:05Z") } } },
        })] },
      },
      relationships: { list: { data: { type: "list", id } } },
    },
  });
  assert.equal(response.status, 202);
  const found = (await profiles.getProfiles({ filter: 'equals(email,"yes@example.com")', additionalFieldsProfile: ["subscriptions"] })).body.data;
  const { marketing } = found[0].attributes.subscriptions.email;
  assert.equal(marketing.consent, "SUBSCRIBED");
  assert.equal(marketing.consentTimestamp.toISOString(), "2025-01-02T03:04:05.000Z");
  assert.equal((await members(id)).length, 1);
});

// The certified OpenID provider, with a sign-in page of its own: who comes, and whether with two factors, is chosen there.
// Everything it is told comes as JSON in SETUP: {port, issuer, client, people: {subject: claims}}.
import http from 'node:http'
import { Provider } from 'oidc-provider'

const { port, issuer, client, people } = JSON.parse(process.env.SETUP)
const page = (title, body) =>
  `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body><h1>${title}</h1>${body}</body></html>`

const provider = new Provider(issuer, {
  clients: [client],
  claims: { openid: ['sub', 'acr', 'amr', 'sid', 'auth_time'], profile: ['name', 'school', 'groups'] },
  acrValues: ['urn:example:one-factor', 'urn:example:two-factors'],
  // Its guard against addresses of the own machine would keep it from the service under test.
  fetch: (url, { dispatcher: _, ...options }) => globalThis.fetch(url, options),
  conformIdTokenClaims: false, // what it says of a person stands in the ID token
  cookies: { keys: ['a key of tests'] },
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => {
        ctx.body = page('Sign out everywhere?', `${form}<button type="submit" form="op.logoutForm" value="yes" name="logout">Yes</button>`)
      },
      postLogoutSuccessSource: (ctx) => {
        ctx.body = page('Signed out everywhere', '')
      }
    }
  },
  ttl: { AccessToken: 60, AuthorizationCode: 60, IdToken: 300, Interaction: 600, Session: 3600, Grant: 3600 },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, subject) =>
    people[subject] && { accountId: subject, claims: () => ({ sub: subject, ...people[subject] }) },
  // Nobody is asked to consent: the school decided for its people.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId
    })
    grant.addOIDCScope('openid profile')
    await grant.save()
    return grant
  }
})

const read = async (request) => {
  let body = ''
  for await (const chunk of request) body += chunk
  return new URLSearchParams(body)
}

const interact = async (request, response) => {
  if (request.method === 'GET') {
    const choices = Object.keys(people).map((subject) => `<option value="${subject}">${people[subject].name}</option>`)
    const form = `<form method="post"><label for="who">Who are you?</label> <select id="who" name="who">${choices.join('')}</select>
      <input type="checkbox" id="two" name="two" value="yes"> <label for="two">With two factors</label>
      <button type="submit" name="answer" value="yes">Sign in</button> <button type="submit" name="answer" value="no">Stop</button></form>`
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    response.end(page('School sign-in', form))
    return
  }
  const form = await read(request)
  const two = form.get('two') === 'yes'
  const login = {
    accountId: form.get('who'),
    acr: two ? 'urn:example:two-factors' : 'urn:example:one-factor',
    amr: two ? ['pwd', 'otp', 'mfa'] : ['pwd']
  }
  const refusal = { error: 'access_denied', error_description: 'the person stopped' }
  await provider.interactionFinished(request, response, form.get('answer') === 'yes' ? { login } : refusal)
}

http
  .createServer((request, response) => {
    if (!request.url.startsWith('/interaction/')) return provider.callback()(request, response)
    interact(request, response).catch((error) => {
      response.statusCode = 500
      response.end(String(error.stack))
    })
  })
  .listen(port, '127.0.0.1', () => console.log('ready'))

provider.on('backchannel.error', (_ctx, error, client) => console.log('back-channel logout failed', client.clientId, error))

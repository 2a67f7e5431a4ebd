#!/usr/bin/env bash
# Signs in, makes a referral, reads it, wins it: with curl.
set -euo pipefail
BASE="${LIAISON_URL:-http://127.0.0.1:8080}"
REFERRALS="$BASE/v1.0/engagements/referrals"

# 1. Sign in as Contoso's Referrals admin, as a client of Partner Center does.
TOKEN=$(curl -sSf "$BASE/common/oauth2/token" \
  -d grant_type=password -d scope=openid -d resource=https://api.partner.microsoft.com \
  -d client_id=c0a70002-0000-4000-8000-000000000002 -d client_secret=contoso-sandbox-secret \
  -d username=alex.admin@contoso.example -d password=sandbox-password |
  sed 's/.*"access_token":"\([^"]*\)".*/\1/')

# 2. Make a deal of your own.
HEAD=$(curl -sSf -D - -o deal.json "$REFERRALS" -H "Authorization: Bearer $TOKEN" \
  -H 'Content-Type: application/json' -d '{
    "name": "Field service for Contoso Customer", "type": "Independent", "qualification": "SalesQualified",
    "customerProfile": {"name": "Contoso Customer Inc", "address": {
      "addressLine1": "One Microsoft Way", "city": "Redmond", "state": "WA", "postalCode": "98052", "country": "US"}},
    "consent": {"consentToToShareInfoWithOthers": true, "consentToContact": true},
    "details": {"dealValue": 50000, "currency": "USD", "closingDateTime": "2030-11-14T00:00:00Z",
      "requirements": {"solutions": [{"type": "Name", "id": "SOL-34104-EBB"}]}},
    "team": [{"firstName": "John", "lastName": "Doe", "phoneNumber": "1231231234", "email": "john.doe@contoso.example"}]}')
DEAL=$(printf '%s' "$HEAD" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
ETAG=$(printf '%s' "$HEAD" | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')
echo "made $DEAL"

# 3. List what is open, newest first. curl writes blanks and quotes as an address wants them.
curl -sSfG "$REFERRALS" -H "Authorization: Bearer $TOKEN" \
  --data-urlencode "\$filter=status eq 'Active'" --data-urlencode '$orderby=createdDateTime desc' \
  --data-urlencode '$select=id,name,status' --data-urlencode '$top=3'
echo

# 4. Win it, if nobody changed it since: a 412 would say that somebody did.
curl -sSf -X PATCH "$DEAL" -H "Authorization: Bearer $TOKEN" -H "If-Match: $ETAG" \
  -H 'Content-Type: application/json' -H 'Prefer: return=representation' \
  -d '[{"op":"replace","path":"/status","value":"Closed"},{"op":"replace","path":"/substatus","value":"Won"}]' |
  grep -o '"substatus":"Won"'
rm deal.json

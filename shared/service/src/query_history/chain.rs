//! The option chain of an underlying, from the newest prices of its contracts: one pass over
//! all of them, as the engine makes it.

use jiff::civil::Date;
use tickwire_entitlements::Identity;
use tickwire_market::{InstrumentKey, Product, Right, Timeframe, UnixNanos};
use tickwire_options::{Exercise, Greek, PriceSource, Quote, Slice, Unsolved, premium};
use tickwire_signals::{
    Absence, ChainTerms, Latest, OptionContract, PriceValue, SignalValue, chain_of, underlying_at,
    underlying_of,
};
use tickwire_streams::{StreamKey, Universe};
use tickwire_wire::{BucketRow, ChainBody, ChainRow, ErrorBody, ErrorCode, ForwardBody, GreeksRow, SideRow};

use super::QueryHistory;
use crate::open_connection::Fault;
use crate::plans::Plan;

/// Which chain is asked for.
#[derive(Clone, Debug)]
pub struct ChainQuestion {
    /// The world.
    pub universe: Universe,
    /// Of which underlying.
    pub underlying: InstrumentKey,
    /// Which expiry; the next one, if it is left out.
    pub expiry: Option<Date>,
}

/// What is known of a contract.
struct Known {
    key: InstrumentKey,
    contract: OptionContract,
    expiry: Date,
    price: Option<(PriceValue, UnixNanos)>,
}

impl QueryHistory {
    /// The chain of one expiry, at the time of its newest price.
    ///
    /// # Errors
    /// When it may not be seen, or there is none.
    pub async fn chain(&self, identity: &Identity, question: &ChainQuestion) -> Result<ChainBody, Fault> {
        let ChainQuestion {
            universe,
            underlying,
            expiry,
        } = question;
        let greeks = StreamKey::common(underlying.clone(), Timeframe::TICK, "greeks()");
        self.allow(identity, &greeks).await?;
        let (group, plan) = self.known_group(universe, underlying).await?;
        let refuse = |code, message: String| Fault::from(ErrorBody::with_message(code, message));
        if group.is_basket() {
            let message = format!(
                "{underlying} lies in a basket with others, apart from its options. With {underlying} among the baskets' \
                 setting it lies with them."
            );
            return Err(refuse(ErrorCode::NotAvailable, message));
        }
        let Some(terms) = plan.chain(underlying) else {
            let message = format!("Nobody told the rates by which options on {underlying} are valued.");
            return Err(refuse(ErrorCode::NotAvailable, message));
        };
        let mut contracts = contracts_of(&plan, underlying, terms);
        if contracts.is_empty() {
            let message = format!("No options on {underlying} are known here.");
            return Err(refuse(ErrorCode::NotAvailable, message));
        }
        let spot = {
            let ids: Vec<Option<u32>> = contracts
                .iter()
                .map(|known| plan.id(&StreamKey::price(known.key.clone()).to_string()))
                .collect();
            let own = plan.id(&StreamKey::price(underlying.clone()).to_string());
            let wanted = ids.iter().flatten().copied().chain(own).collect();
            let newest = self.newest_signals(&group, wanted).await?;
            let price = |id: Option<u32>| match newest.get(&id?) {
                Some(Latest {
                    value: SignalValue::Price(price),
                    exchange_time,
                    ..
                }) => Some((*price, *exchange_time)),
                _ => None,
            };
            for (known, id) in contracts.iter_mut().zip(ids) {
                known.price = price(id);
            }
            price(own)
        };
        let times = contracts.iter().filter_map(|known| Some(known.price?.1));
        let now = times.chain(spot.map(|(_, time)| time)).max();
        let mut expiries: Vec<(Date, UnixNanos)> = contracts
            .iter()
            .map(|known| (known.expiry, known.contract.close))
            .collect();
        expiries.sort_unstable();
        expiries.dedup();
        let begun = now.unwrap_or(UnixNanos(i64::MIN));
        let next = expiries
            .iter()
            .find(|(_, close)| *close > begun)
            .or(expiries.last());
        let Some(day) = expiry.or(next.map(|(day, _)| *day)) else {
            return Err(ErrorCode::NotAvailable.into());
        };
        contracts.retain(|known| known.expiry == day);
        if contracts.is_empty() {
            let message = format!("No options on {underlying} expire on {day}.");
            return Err(refuse(ErrorCode::ParameterInvalid, message));
        }
        let refused = |error: &dyn std::fmt::Display| refuse(ErrorCode::NotAvailable, error.to_string());
        let closes = contracts
            .iter()
            .map(|known| (known.contract.close, known.contract.strike));
        let mut chain = chain_of(closes, underlying, terms).map_err(|error| refused(&error))?;
        for known in &contracts {
            let place = chain.place(known.contract.close, known.contract.strike, known.contract.right);
            if let (Some(place), Some((price, time))) = (place, &known.price)
                && begun.nanos_since(*time) <= terms.quote_stale
            {
                chain.quote(place, quote_of(price));
            }
        }
        let seen = spot.map(|(price, time)| (price.price, time));
        chain.revalue(underlying_at(seen, begun, terms.underlying_stale), begun);
        let exercise = chain.settings().exercise;
        let Some(slice) = chain.slices().first() else {
            return Err(ErrorCode::NotAvailable.into());
        };
        let mut body = body_of(slice, &contracts);
        body.underlying = underlying.to_string();
        body.t = now;
        body.spot = spot.map(|(price, _)| price.price);
        body.expiry = day.to_string();
        body.expiries = expiries.iter().map(|(day, _)| day.to_string()).collect();
        body.early_exercise = exercise == Exercise::American;
        body.rate_per_year = chain.settings().curve.rate(slice.years());
        Ok(body)
    }
}

fn contracts_of(plan: &Plan, underlying: &InstrumentKey, terms: &ChainTerms) -> Vec<Known> {
    let all: Vec<InstrumentKey> = plan.instruments().filter_map(|text| text.parse().ok()).collect();
    let others: Vec<&InstrumentKey> = all.iter().filter(|key| key.product() != Product::Opt).collect();
    let of_symbol =
        |key: &&InstrumentKey| key.product() == Product::Opt && key.symbol() == underlying.symbol();
    let known = all.iter().filter(of_symbol).filter_map(|key| {
        let on = underlying_of(key, others.iter().map(|other| (*other, *other)))?;
        if on != underlying {
            return None;
        }
        Some(Known {
            key: key.clone(),
            contract: OptionContract::of(key, Some((on, terms)))?,
            expiry: key.expiry()?,
            price: None,
        })
    });
    known.collect()
}

fn quote_of(price: &PriceValue) -> Quote {
    Quote {
        bid: price.bid,
        ask: price.ask,
        last: Some(price.price),
        volume: price.volume,
        open_interest: price.open_interest,
    }
}

/// Volatility and Greeks of a row of a slice.
fn greeks_of(slice: &Slice, right: Right, row: usize) -> GreeksRow {
    let volatility = slice.volatility(row);
    let greek = |greek| slice.greeks().get(right, greek, row);
    GreeksRow {
        iv: volatility.ok(),
        iv_status: volatility.map_or_else(status_of, |_| "ok").to_owned(),
        delta: greek(Greek::Delta),
        gamma: greek(Greek::Gamma),
        theta_per_year: greek(Greek::Theta),
        vega_per_one: greek(Greek::Vega),
        rho_per_one: greek(Greek::Rho),
    }
}

fn status_of(why: Unsolved) -> &'static str {
    Absence::from(why).as_str()
}

fn name_of(right: Right) -> String {
    right.as_str().to_owned()
}

fn body_of(slice: &Slice, contracts: &[Known]) -> ChainBody {
    let analytics = slice.analytics();
    let side = |right: Right, row: usize, strike: f64| {
        let known = contracts
            .iter()
            .find(|known| known.contract.strike == strike && known.contract.right == right)?;
        let price = known.price.as_ref().map(|(price, _)| price);
        let theoretical = slice.theoretical().get(right, Greek::Price, row);
        let market = slice.quotes(right)[row].price().map(|(price, _)| price);
        let found = market
            .zip(theoretical)
            .and_then(|(market, theoretical)| premium(market, theoretical));
        Some(SideRow {
            key: known.key.to_string(),
            bid: price.and_then(|price| price.bid),
            ask: price.and_then(|price| price.ask),
            last: price.map(|price| price.price),
            t: known.price.as_ref().map(|(_, time)| *time),
            volume: price.and_then(|price| price.volume),
            open_interest: price.and_then(|price| price.open_interest),
            greeks: greeks_of(slice, right, row),
            theoretical,
            premium: found.map(|(premium, _)| premium),
            severity: found.map(|(_, severity)| severity.as_str().to_owned()),
        })
    };
    let rows = slice.strikes().iter().enumerate();
    let strikes = rows.map(|(row, strike)| {
        let source = slice.solved_from(row);
        ChainRow {
            strike: *strike,
            moneyness: slice.moneyness(row),
            solved_on: source.map(|(right, _)| name_of(right)),
            price_source: source.map(|(_, source)| {
                match source {
                    PriceSource::Mid => "mid",
                    PriceSource::Last => "last",
                }
                .to_owned()
            }),
            call: side(Right::Call, row, *strike),
            put: side(Right::Put, row, *strike),
        }
    });
    let buckets = analytics.buckets.iter().map(|bucket| BucketRow {
        delta: bucket.delta,
        right: name_of(bucket.right),
        strike: slice.strikes().get(bucket.row).copied().unwrap_or(f64::NAN),
        greeks: greeks_of(slice, bucket.right, bucket.row),
    });
    ChainBody {
        close: slice.close(),
        years: slice.years(),
        status: slice.unvalued().map_or("ok", status_of).to_owned(),
        forward: slice.terms().map(|terms| ForwardBody {
            price: terms.forward(),
            from: if slice.fitted_forward().is_some() {
                "parity"
            } else {
                "carry"
            }
            .to_owned(),
            strikes: slice.fitted_forward().map(|fitted| fitted.strikes as u64),
        }),
        discount: slice.terms().map(|terms| terms.discount()),
        atm_iv: analytics.atm_volatility,
        skew_25d: analytics.skew_25d,
        butterfly_25d: analytics.butterfly_25d,
        pcr_oi: analytics.pcr_open_interest,
        pcr_volume: analytics.pcr_volume,
        max_pain: analytics.max_pain,
        buckets: buckets.collect(),
        strikes: strikes.collect(),
        ..ChainBody::default()
    }
}
